/** A message is passed on whole, and so held whole. */
export const MAX_MESSAGE = 16 << 20

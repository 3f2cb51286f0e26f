/** JSON in which amounts, which are bigint, are decimal strings. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? `${member}` : member))

/** Stands in for `src/buyer/offers/comparing.ts` in the browser's bundle: a page buys where it is. */
export const Comparing = undefined

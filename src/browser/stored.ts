/** Where a browser's store keeps limits: told to the other tabs of a site when it changes. */
export const LIMITS = 'streampay:limits'

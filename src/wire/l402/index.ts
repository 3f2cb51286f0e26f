export * from './caveats.ts'
export * from './header.ts'
export * from './macaroon.ts'

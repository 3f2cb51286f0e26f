export { withCors } from './cors.ts'
export { type PageOptions, type PageRoute, pages, withPage } from './pages.ts'

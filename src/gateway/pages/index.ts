export { withCors } from './cors.ts'
export { gatewayPages, type PageOptions } from './pages.ts'

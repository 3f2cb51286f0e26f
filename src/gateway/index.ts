export { StreamError } from '../errors/error.ts'
export { type Admin, type AdminOptions, openAdmin } from './admin/server.ts'
export { checkConfig, parseConfig, readConfigFile } from './config/read.ts'
export type { GatewayConfigInput } from './config/schema.ts'
export { watchConfig } from './config/watch.ts'
export { CHANNELS, publishTo } from './diagnostics.ts'
export {
  type Answer,
  Gateway,
  type GatewayConfig,
  type GatewayEvent,
  type GatewayParts,
  type GatewayRoute,
  type OpenedSeller,
  type RouteConfig,
} from './gateway.ts'
export { logLine, logTo } from './log.ts'
export { gatewayPages, type PageOptions, withCors } from './pages/index.ts'
export type { EventRecord } from './record.ts'
export { videoSources } from './video/route.ts'
export type { Watched, WatchedEvent, WatchedRoute } from './watched.ts'
export { readSecret, readSecretFile, verifyWebhook } from './webhooks/signature.ts'
export { startWebhooks, type Webhook, type WebhooksOptions } from './webhooks/webhooks.ts'
export { acceptUpgrades, type Upgrades } from './websocket/upgrade.ts'

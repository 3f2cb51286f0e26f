import type { Gateway, GatewayParts } from '../../gateway/gateway.ts'
import { gatewayPages, withCors } from '../../gateway/pages/index.ts'

/** Where a browser finds all that is sold, whatever the routes themselves have at `/`. */
export const pageUrl = (url: string): string => `${url}/.stream/`

/** Pages of a gateway that is yet to be opened: none is asked for before. */
export const pagesOf = (gateway: () => Gateway): NonNullable<GatewayParts['pages']> =>
  gatewayPages({ routes: () => gateway().routes })

/** What is served: the gateway, also to pages of other origins. */
export const handlerOf = (gateway: Gateway): ((request: Request) => Promise<Response>) =>
  withCors((request) => gateway.handle(request))

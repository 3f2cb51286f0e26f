import type { LightningNode } from '../../../lightning/node.ts'
import { serve } from '../../../seller/adapters/node.ts'
import { checkConfig } from '../../config/read.ts'
import { Gateway } from '../../gateway.ts'
import { compilePattern } from '../../routes/pattern.ts'
import type { VideoOptions } from '../open.ts'
import { type VideoHandler, videoRoute } from '../route.ts'

/** A gateway with one video, ready to be watched. */
export async function sellVideo(
  node: LightningNode,
  video: string,
  { qualities, path = '/**', ...options }: VideoOptions & { readonly qualities?: string; readonly path?: string },
) {
  let handler: VideoHandler | undefined
  const config = checkConfig({ routes: [{ name: 'film', path, video, price: '2 sat/s', qualities }] })
  const heights = config.routes[0]!.qualities?.map(({ height }) => height)
  const gateway = await Gateway.open(config, {
    openSeller: async () => ({ node }),
    sources: [
      (route) => {
        const prefix = compilePattern(route.path).prefix
        handler = videoRoute(video, prefix, { ...options, ...(heights && { heights }) })
        return handler
      },
    ],
  })
  await handler!.opened
  const server = await serve((request) => gateway.handle(request), { port: 0 })
  return {
    url: server.url,
    gateway,
    seller: await gateway.seller,
    close: async () => {
      await server.close(0)
      await gateway.close()
    },
  }
}

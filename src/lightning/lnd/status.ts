/** What gRPC rejects with. `details` is the node's own text; `metadata` is not read, since it may carry more than text. */
export interface RpcError extends Error {
  readonly code: number
  readonly details: string
}

/** gRPC status codes this backend tells apart. */
export const STATUS = { cancelled: 1, deadline: 4, notFound: 5, alreadyExists: 6, unavailable: 14 } as const

/** gRPC never got a connection, so nothing can have reached the node. */
export const neverSent = (error: RpcError): boolean =>
  error.code === STATUS.unavailable && /^(No connection established|Name resolution failed)/i.test(error.details)

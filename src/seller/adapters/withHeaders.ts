/** A response with other headers. Those of one that was fetched cannot be changed: then it is a copy with the same body. */
export function withHeaders(response: Response, write: (headers: Headers) => void): Response {
  try {
    write(response.headers)
    return response
  } catch {
    const copy = new Response(response.body, response)
    write(copy.headers)
    return copy
  }
}

import { extname } from 'node:path'
import { lookup } from 'mrmime'

/** Types that the library, which keeps to the official list, does not have. */
const MORE: Readonly<Record<string, string>> = {
  '.m3u8': 'application/vnd.apple.mpegurl',
  '.flac': 'audio/flac',
  '.opus': 'audio/ogg',
  '.mkv': 'video/matroska',
  '.jsonl': 'application/jsonl',
  '.ndjson': 'application/x-ndjson',
}

/** The media type of a file, by its ending; text is UTF-8. */
export function contentType(path: string): string {
  const type = MORE[extname(path).toLowerCase()] ?? lookup(path) ?? 'application/octet-stream'
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type
}

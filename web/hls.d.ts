/** The same library without what these pages do not use; its declarations are those of the whole. */
declare module 'hls.js/light' {
  export { default } from 'hls.js'
}

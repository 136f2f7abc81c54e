import { watch } from 'node:fs'
import { root } from './setup-npm.mjs'

/** What the quick start is made of. */
const folders = ['src', 'scripts', 'examples']
/** An editor, or a branch that is changed, writes many files at once: that is one change. */
const quietMs = 300

/** Calls `act` with the path of a source when one has changed and all have been quiet for a moment. */
export const onSourceChange = act => {
  let timer
  for (const folder of folders) {
    watch(`${root}${folder}`, { recursive: true }, (_event, name) => {
      if (name === null || !/\.(ts|mjs|yaml)$/.test(name)) return
      clearTimeout(timer)
      timer = setTimeout(() => act(`${folder}/${name}`), quietMs)
    })
  }
}

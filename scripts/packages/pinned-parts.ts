/**
 * npm packages of which a part is compiled into ours, and which nothing here imports: they need no place in the lock
 * file, and each weighs megabytes.
 */
export const pinnedParts: { readonly [name: string]: { readonly version: string; readonly integrity: string } } = {
  'node-pty': {
    version: '1.1.0',
    integrity: 'sha512-20JqtutY6JPXTUnL0ij1uad7Qe1baT46lyolh2sSENDd4sTzKZ4nmAFkeAARDKwmlLjPx6XKRlwRUxwjOy+lUg==',
  },
  'node-addon-api': {
    version: '7.1.1',
    integrity: 'sha512-5m3bsyrjFWE1xf7nz7YXdN4udnVtXK6/Yfgn5qnahL6bCkf2yKt4k3nuTKAtT4r3IG8JNR2ncsIMdZuAzJjHQQ==',
  },
}

/**
 * Replaces `$(NAME)` by its value; a name that is not known stays as it is written, `$$` is a dollar sign.
 * k8s: third_party/forked/golang/expansion.
 *
 * @example expandVariables('http://$(HOST):80 costs $$5', new Map([['HOST', 'api']])) // 'http://api:80 costs $5'
 */
export const expandVariables = (text: string, values: ReadonlyMap<string, string>): string =>
  text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (written, name: string | undefined) =>
    name === undefined ? '$' : (values.get(name) ?? written),
  )

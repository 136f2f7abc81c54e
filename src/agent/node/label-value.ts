/** A text as the value of a label: at most 63 of letters, digits, dashes, dots and underscores. */
export const labelValue = (value: string): string =>
  value
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .slice(0, 63)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')

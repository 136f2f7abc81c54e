import { supportFindings } from '../support.ts'
import type { PodSpec } from '../types.ts'
import { podSupport } from './pod-support.ts'

/** Valid fields of a pod's spec that are stored but do nothing yet, one sentence each. */
export const podWarnings = (spec: PodSpec, field: string): readonly string[] =>
  supportFindings(spec, 'PodSpec', field, podSupport).warnings

import { supportFindings } from '../support.ts'
import type { Service } from '../types.ts'
import { serviceSupport } from './service-support.ts'

/** Valid fields of a Service that are stored but do nothing yet, one sentence each. */
export const serviceWarnings = (service: Service): readonly string[] =>
  supportFindings(service.spec ?? {}, 'ServiceSpec', 'spec', serviceSupport).warnings

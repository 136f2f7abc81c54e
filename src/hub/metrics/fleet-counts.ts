import type { DocumentName } from '../../wire/document.ts'
import type { Command } from '../../wire/payloads.ts'
import type { UpTopic } from '../../wire/topics.ts'
import type { HubMeter } from './hub-metrics.ts'

/** What the fleet's parts tell of their work; without a meter nobody listens. */
export const fleetCounts = (meter: HubMeter | undefined) => {
  const rendered = meter?.counter('dunlin_documents_rendered_total')
  const sent = meter?.counter('dunlin_documents_sent_total')
  const resent = meter?.counter('dunlin_documents_resent_total')
  const messages = meter?.counter('dunlin_node_messages_total')
  const refused = meter?.counter('dunlin_node_messages_refused_total')
  const commands = meter?.counter('dunlin_commands_total')
  return {
    rendered: (which: DocumentName) => rendered?.([which]),
    sent: (which: DocumentName, isAgain: boolean) => (isAgain ? resent : sent)?.([which]),
    message: (topic: UpTopic) => messages?.([topic]),
    refused: (reason: 'untrusted' | 'stale' | 'many' | 'failed') => refused?.([reason]),
    command: (action: Command['action'], result: 'ok' | 'refused' | 'failed') => commands?.([action, result]),
  }
}

export type FleetCounts = ReturnType<typeof fleetCounts>

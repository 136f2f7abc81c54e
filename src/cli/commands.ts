import type { Command } from './command.ts'
import { agent } from './commands/agent.ts'
import { apply } from './commands/apply.ts'
import { attach } from './commands/attach.ts'
import { backup } from './commands/backup.ts'
import { completion } from './commands/completion.ts'
import { config } from './commands/config.ts'
import { cordon, uncordon } from './commands/cordon.ts'
import { cp } from './commands/cp.ts'
import { deleteCommand } from './commands/delete.ts'
import { describe } from './commands/describe.ts'
import { doctor } from './commands/doctor.ts'
import { drain } from './commands/drain.ts'
import { exec } from './commands/exec.ts'
import { flash } from './commands/flash.ts'
import { get } from './commands/get.ts'
import { hub } from './commands/hub.ts'
import { install } from './commands/install.ts'
import { joinToken } from './commands/join-token.ts'
import { journal } from './commands/journal.ts'
import { kubeconfig } from './commands/kubeconfig.ts'
import { logs } from './commands/logs.ts'
import { node } from './commands/node.ts'
import { nodes } from './commands/nodes.ts'
import { portForward } from './commands/port-forward.ts'
import { restore } from './commands/restore.ts'
import { rollout } from './commands/rollout.ts'
import { scale } from './commands/scale.ts'
import { sessions } from './commands/sessions.ts'
import { shell } from './commands/shell.ts'
import { top } from './commands/top.ts'
import { users } from './commands/users.ts'
import { version } from './commands/version.ts'
import { why } from './commands/why.ts'

/** All commands, in the order in which the overview shows them: work first, then care, then the machines. */
export const commands: readonly Command[] = [
  apply,
  get,
  describe,
  deleteCommand,
  scale,
  rollout,
  logs,
  exec,
  attach,
  cp,
  portForward,
  top,
  why,
  nodes,
  node,
  shell,
  journal,
  sessions,
  cordon,
  uncordon,
  drain,
  joinToken,
  install,
  flash,
  kubeconfig,
  users,
  config,
  hub,
  agent,
  backup,
  restore,
  doctor,
  version,
  completion(() => commands),
]

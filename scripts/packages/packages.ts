import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleAgent } from '../agent-bundle.ts'
import { agentLauncher, olderNodeFlags } from '../agent-launch.ts'
import type { Architecture } from './architectures.ts'
import { billOfMaterials, materialAt, materialsIn } from './bill-of-materials.ts'
import { buildDeb, type Control, type MaintainerScripts } from './deb.ts'
import { buildSdNotify, buildTerminals } from './natives.ts'
import { npmPart } from './npm-part.ts'
import { bundleProgram } from './program-bundle.ts'

/*
 *   dunlin_…_<arch>.deb       /usr/bin/dunlin, the bundles, the Node that runs them
 *     ├── dunlin-agent_…_all.deb   the device: what Debian must bring, the agent's unit
 *     └── dunlin-hub_…_all.deb     the hub: its user, its unit
 *   dunlin_…_<arch>.tar.gz    the same files for other distributions, with install.sh
 */

const root = fileURLToPath(new URL('../..', import.meta.url))
const packaging = join(root, 'packaging')

interface Making {
  /** Where trees are laid out. */
  readonly work: string
  /** Where packages go. */
  readonly target: string
  /** Of every file in a package, seconds since 1970. */
  readonly seconds: number
  readonly compression: 'xz' | 'none'
  /** deb-version(7) of what is made. */
  readonly version: string
}

/** The two bundles, the same for every architecture. Resolves to the paths that went into them. */
export const makeBundles = async (work: string): Promise<readonly string[]> => {
  const agent = await bundleAgent(join(work, 'agent'))
  const program = await bundleProgram(join(work, 'program'))
  // Binaries are added for each architecture.
  rmSync(join(work, 'agent/node_modules'), { recursive: true, force: true })
  return [...Object.keys(agent.inputs), ...Object.keys(program.inputs)]
}

/** The programs for one architecture, and their bill of materials. Returns the package's path. */
export const makeProgramPackage = (
  of: Making & { readonly architecture: Architecture; readonly inputs: readonly string[] },
): string => {
  const { architecture } = of
  const tree = freshTree(of, `dunlin-${architecture.name}`)
  const lib = join(tree, 'usr/lib/dunlin')
  const { terminals } = architecture
  const parts = ['@lydell/node-pty', ...(terminals === undefined ? [] : [terminals])]
  for (const bundle of ['agent', 'program']) {
    const modules = join(lib, bundle, 'node_modules')
    cpSync(join(of.work, bundle), join(lib, bundle), { recursive: true })
    for (const part of parts) cpSync(npmPart(part), join(modules, part), { recursive: true })
    buildSdNotify(architecture, join(modules, 'dunlin-sd-notify/sd-notify.node'))
    if (terminals === undefined)
      buildTerminals(architecture, join(modules, `@lydell/node-pty-linux-${architecture.nodeArch}/pty.node`))
  }
  if (architecture.node !== undefined)
    place(join(npmPart(architecture.node), 'bin/node'), join(lib, 'node/bin/node'), 0o755)
  else write(join(lib, 'agent/dunlin-agent'), agentLauncher(olderNodeFlags), 0o755)
  place(join(packaging, 'debian/dunlin'), join(tree, 'usr/bin/dunlin'), 0o755)
  place(join(root, 'LICENSE'), join(tree, 'usr/share/doc/dunlin/copyright'), 0o644)
  const materials = [
    ...materialsIn(of.inputs, root),
    ...[
      ...parts,
      ...(terminals === undefined ? ['node-pty', 'node-addon-api'] : []),
      ...(architecture.node === undefined ? [] : [architecture.node]),
    ].map(part => materialAt(npmPart(part))),
  ]
  const bill = billOfMaterials({ name: 'dunlin', version: of.version, materials })
  write(join(tree, 'usr/share/doc/dunlin/bill-of-materials.cdx.json'), bill, 0o644)
  writeFileSync(join(of.target, `dunlin_${of.version}_${architecture.name}.cdx.json`), bill)
  return pack(of, tree, {
    Package: 'dunlin',
    Version: of.version,
    Architecture: architecture.name,
    Section: 'admin',
    // Debian's Node where none is packed; what is compiled asks for the C library of bookworm's compilers.
    Depends: `${architecture.node === undefined ? 'nodejs (>= 18), ' : ''}libc6 (>= 2.34), libstdc++6`,
    Description:
      'Kubernetes manifests on small devices, over MQTT\nThe dunlin command, and the programs of hub and agent.',
  })
}

/** What makes a machine a node. */
export const makeAgentPackage = (of: Making): string => {
  const tree = freshTree(of, 'dunlin-agent')
  for (const unit of ['dunlin-agent.service', 'dunlin-first-boot.service'])
    place(join(packaging, 'systemd', unit), join(tree, 'usr/lib/systemd/system', unit), 0o644)
  // A token stands in it.
  place(join(packaging, 'debian/dunlin-agent/default'), join(tree, 'etc/default/dunlin-agent'), 0o600)
  return pack(
    of,
    tree,
    {
      Package: 'dunlin-agent',
      Version: of.version,
      Architecture: 'all',
      Section: 'admin',
      Depends: `dunlin (= ${of.version}), podman (>= 4.3), crun | runc, nftables, iproute2, conntrack, catatonit | busybox-static, ca-certificates`,
      Description:
        'Runs the pods of a Dunlin hub on this device\nIt joins a hub with a token and keeps pods running without it.',
    },
    ['/etc/default/dunlin-agent'],
  )
}

/** What makes a machine a hub. */
export const makeHubPackage = (of: Making): string => {
  const tree = freshTree(of, 'dunlin-hub')
  place(join(packaging, 'systemd/dunlin-hub.service'), join(tree, 'usr/lib/systemd/system/dunlin-hub.service'), 0o644)
  place(join(packaging, 'debian/dunlin-hub/default'), join(tree, 'etc/default/dunlin-hub'), 0o644)
  return pack(
    of,
    tree,
    {
      Package: 'dunlin-hub',
      Version: of.version,
      Architecture: 'all',
      Section: 'admin',
      Depends: `dunlin (= ${of.version}), adduser`,
      Description: 'The hub of a Dunlin fleet\nIt serves the Kubernetes API and gives each node its pods over MQTT.',
    },
    ['/etc/default/dunlin-hub'],
  )
}

/** The programs and the units as they lie in the packages, which must be made before, for distributions without dpkg. */
export const makeArchive = (of: Making, { name }: Architecture): string => {
  const folder = join(of.work, 'trees', `dunlin-${name}`)
  const path = join(of.target, `dunlin_${of.version}_${name}.tar.gz`)
  for (const unit of ['agent', 'hub'])
    for (const part of ['usr', 'etc'])
      cpSync(join(of.work, 'trees', `dunlin-${unit}`, part), join(folder, part), { recursive: true })
  place(join(packaging, 'install.sh'), join(folder, 'install.sh'), 0o755)
  execFileSync('tar', [
    ...['--sort=name', `--mtime=@${of.seconds}`, '--owner=0', '--group=0', '--numeric-owner', '--exclude=./DEBIAN'],
    ...['-C', folder, '-I', of.compression === 'none' ? 'gzip -1n' : 'gzip -n', '-cf', path, '.'],
  ])
  return path
}

const freshTree = (of: Making, name: string): string => {
  const tree = join(of.work, 'trees', name)
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(tree, { recursive: true })
  mkdirSync(of.target, { recursive: true })
  return tree
}

const pack = (of: Making, tree: string, control: Control, conffiles: readonly string[] = []): string => {
  const target = join(of.target, `${control.Package}_${control.Version}_${control.Architecture}.deb`)
  buildDeb({ ...of, tree, control, conffiles, target, scripts: scriptsOf(control.Package) })
  return target
}

const scriptsOf = (name: string): MaintainerScripts => {
  if (name === 'dunlin') return {}
  const read = (script: string): string => readFileSync(join(packaging, 'debian', name, script), 'utf8')
  return { postinst: read('postinst'), prerm: read('prerm'), postrm: read('postrm') }
}

const place = (from: string, to: string, mode: number): void => {
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to)
  chmodSync(to, mode)
}

const write = (path: string, text: string, mode: number): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, mode)
}

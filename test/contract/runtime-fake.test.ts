import t from 'tap'
import { fakeRuntime } from '../fakes/runtime.ts'
import { runtimeContract } from './runtime.ts'

const image = 'localhost/dunlin/hello:1'
const runtime = fakeRuntime({ images: [image] })
t.teardown(() => runtime.close())

runtimeContract(t, () => ({ runtime, image, killMonitor: id => runtime.loseMonitor(id) }))

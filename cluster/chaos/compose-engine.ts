import type { Engine } from './engine.ts'
export const ComposeEngine = {
  open: (): Promise<Engine> => {
    throw new Error('none yet')
  },
}

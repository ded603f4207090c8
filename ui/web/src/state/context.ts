// The session, for every component of the page.

import { getContext, setContext } from 'svelte'
import type { Session } from './session.svelte.ts'

const KEY = Symbol('session')

export function provideSession(session: Session): void {
  setContext(KEY, session)
}

export function useSession(): Session {
  return getContext<Session>(KEY)
}

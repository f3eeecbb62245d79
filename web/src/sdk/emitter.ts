// Listeners by name, typed: `Events` maps each name to its argument.

export class Emitter<Events extends object> {
  private readonly listeners = new Map<keyof Events, Set<(argument: never) => void>>();

  /** Returns the function that takes the listener away again. */
  on<Name extends keyof Events>(
    name: Name,
    listener: (argument: Events[Name]) => void,
  ): () => void {
    const set = this.listeners.get(name) ?? new Set();

    this.listeners.set(name, set.add(listener));
    return () => void set.delete(listener);
  }

  protected emit<Name extends keyof Events>(name: Name, argument: Events[Name]): void {
    for (const listener of this.listeners.get(name) ?? []) {
      (listener as (argument: Events[Name]) => void)(argument);
    }
  }
}

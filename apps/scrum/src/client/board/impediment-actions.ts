import type { Impediment } from '../../model/board.ts'
import type { Doing } from './doing.ts'
import { changeFields } from './row-fields.ts'

/** What the viewer can do to impediments. */
export class ImpedimentActions {
  readonly #doing: Doing

  constructor(doing: Doing) {
    this.#doing = doing
  }

  create(summary: string): void {
    const { project, projectId } = this.#doing
    const write = project.impediments.create({
      project_id: projectId,
      summary,
      description: '',
      open: true,
      // Until the row comes back with the time of its commit.
      created_at: new Date().toISOString(),
    })
    this.#doing.run({ failure: `“${summary}” was not added`, write })
    this.#doing.undoCreation(`adding “${summary}”`, write, (id) =>
      this.#doing.run({ failure: 'Not undone', write: project.impediments.destroy(id) }),
    )
  }

  rename(impediment: Impediment, summary: string): void {
    this.#change(impediment, { summary }, 'The impediment was not renamed', 'renaming', {
      key: impedimentDraft(impediment, 'summary'),
      text: summary,
      base: impediment.summary,
    })
  }

  describe(impediment: Impediment, description: string): void {
    this.#change(impediment, { description }, 'The description was not saved', 'describing', {
      key: impedimentDraft(impediment, 'description'),
      text: description,
      base: impediment.description,
    })
  }

  setOpen(impediment: Impediment, open: boolean): void {
    this.#doing.announce(`“${impediment.summary}” is ${open ? 'open' : 'closed'}.`)
    this.#change(impediment, { open }, 'The impediment was not saved', open ? 'reopening' : 'closing')
  }

  destroy(impediment: Impediment): void {
    const { project, projectId } = this.#doing
    const write = project.impediments.destroy(impediment.id)
    const { summary, description, open } = impediment
    const undo = {
      label: `deleting “${summary}”`,
      run: () => {
        const again = write.then(
          () =>
            this.#doing.send('impediments', {
              body: { summary, description, open, restores: impediment.id },
              optimistic: (shown) =>
                shown.create('impediments', { ...impediment, id: null, project_id: projectId }),
            }),
          () => undefined,
        )
        this.#doing.run({ failure: `“${summary}” was not brought back`, write: again })
        return undefined
      },
    }
    this.#doing.run({ failure: 'The impediment was not deleted', write, undo })
    this.#doing.offerUndo(`Deleted “${summary}”`, undo)
  }

  #change(
    impediment: Impediment,
    change: Partial<Impediment>,
    failure: string,
    verb: string,
    draft?: { readonly key: string; readonly text: string; readonly base: string },
  ): void {
    changeFields(this.#doing, {
      rows: this.#doing.project.impediments,
      row: impediment,
      change,
      failure,
      label: `${verb} “${impediment.summary}”`,
      ...(draft !== undefined && { draft }),
    })
  }
}

export function impedimentDraft(impediment: Impediment, field: 'summary' | 'description'): string {
  return `impediments/${impediment.id}/${field}`
}

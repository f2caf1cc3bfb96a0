export declare function publishTodo(
  url: string,
  secret: string,
  todo: { readonly id: number; readonly version: number; readonly title: string },
): Promise<{ readonly replayed: boolean; readonly missing: readonly string[] }>

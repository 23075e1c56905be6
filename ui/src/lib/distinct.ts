// Lists whose rows are told apart: of two rows with the same name a keyed list shows none, and the window stays as it was.

/** The rows, each name once: a later one of the same name is left out, and that is logged. Without such rows the list itself. */
export function distinct<T>(rows: T[], nameOf: (row: T) => string): T[] {
  const names = new Set<string>();
  const once = rows.filter((row) => {
    const name = nameOf(row);
    if (names.has(name)) {
      console.error(`a list has ${name} twice: it is shown once`);
      return false;
    }
    names.add(name);
    return true;
  });
  return once.length === rows.length ? rows : once;
}

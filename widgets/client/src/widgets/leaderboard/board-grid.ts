/** The AG Grid of a leaderboard: modules, theme, columns, and row changes as transactions. */
import {
  ClientSideRowModelApiModule,
  ClientSideRowModelModule,
  type ColDef,
  ColumnApiModule,
  createGrid,
  createTheme,
  type GridApi,
  ModuleRegistry,
  RenderApiModule,
  RowApiModule,
  RowSelectionModule,
  RowStyleModule,
} from "ag-grid-community";
import type { FeedView } from "../../socket/feed-state";
import type { Row, Value } from "../../socket/messages";
import type { RowChanges } from "./board-rows";
import {
  type BoardColumn,
  compareValues,
  fittingColumns,
  RANK_COLUMN,
  SYMBOL,
  SYMBOL_WIDTH_PX,
} from "./columns";
import { HeaderLabel } from "./header-label";
import { NumberCell } from "./number-cell";

// Only the used modules: all modules of AG Grid would more than double the size of the script.
ModuleRegistry.registerModules([
  ClientSideRowModelModule,
  ClientSideRowModelApiModule,
  ColumnApiModule,
  RenderApiModule,
  RowApiModule,
  RowSelectionModule,
  RowStyleModule,
]);

const THEME = createTheme().withParams({
  accentColor: "var(--accent)",
  backgroundColor: "var(--surface)",
  foregroundColor: "var(--text)",
  borderColor: "var(--line)",
  browserColorScheme: "inherit",
  fontFamily: "inherit",
  fontSize: "var(--font-size-small)",
  rowHeight: 24,
  headerHeight: 26,
  headerBackgroundColor: "var(--surface-raised)",
  headerTextColor: "var(--text-muted)",
  headerFontWeight: 600,
  cellHorizontalPadding: 6,
  cellTextColor: "var(--text)",
  oddRowBackgroundColor: "var(--surface)",
  rowHoverColor: "var(--surface-hover)",
  selectedRowBackgroundColor: "var(--surface-selected)",
  rowBorder: { style: "solid", width: 1, color: "var(--line)" },
  columnBorder: false,
  pinnedColumnBorder: { style: "solid", width: 1, color: "var(--line)" },
  wrapperBorder: false,
  wrapperBorderRadius: 0,
  spacing: 4,
});

export interface BoardGridOptions {
  readonly container: HTMLElement;
  readonly label: string;
  readonly styleNonce: string;
  /** The columns of the board, the most important first. */
  readonly columns: readonly BoardColumn[];
  isGone(symbol: string): boolean;
  onSelect(symbol: string): void;
}

export class BoardGrid {
  readonly #api: GridApi<Row>;
  readonly #shown: readonly BoardColumn[];
  readonly #size: ResizeObserver;
  #view: FeedView | null = null;
  #marks = "";

  constructor(options: BoardGridOptions) {
    this.#shown = options.columns;
    this.#api = createGrid<Row>(options.container, {
      theme: THEME,
      styleNonce: options.styleNonce,
      columnDefs: this.#columns(),
      defaultColDef: {
        sortable: true,
        resizable: false,
        suppressMovable: true,
        suppressHeaderMenuButton: true,
      },
      rowData: [],
      getRowId: ({ data }) => data[0],
      rowSelection: { mode: "singleRow", checkboxes: false, enableClickSelection: false },
      rowClassRules: {
        "row-gone": ({ data }) => data !== undefined && options.isGone(data[0]),
        "row-halted": ({ data }) => this.#read(data, "is_halted") === 1,
      },
      animateRows: false,
      suppressAnimationFrame: true, // Draws all cells of a new row at once.
      suppressRowTransform: true, // Positions rows with `top`, which costs less than a transform for each row.
      alwaysShowVerticalScroll: true, // Then the width for columns does not depend on the number of rows.
      suppressCellFocus: false,
      suppressNoRowsOverlay: true,
      suppressDragLeaveHidesColumns: true,
      onRowClicked: ({ data }) => data && options.onSelect(data[0]),
      onCellFocused: ({ rowIndex }) => {
        const row = rowIndex === null ? undefined : this.#api.getDisplayedRowAtIndex(rowIndex)?.data;
        if (row) options.onSelect(row[0]);
      },
    });
    this.#api.setGridAriaProperty("label", options.label);
    this.#size = new ResizeObserver(([entry]) => {
      const widthPx = entry?.contentRect.width ?? 0;
      if (widthPx > 0) this.#fitColumns(widthPx - scrollBarWidthPx(options.container));
    });
    this.#size.observe(options.container);
  }

  /** Reads values from `view` from now on. */
  bind(view: FeedView): void {
    this.#view = view;
  }

  /** Draws headers and cells again if other columns are off or partial than before. */
  showMarks(view: FeedView): void {
    const marks = this.#shown.map(({ name }) => view.mark(name) ?? "").join();
    if (marks === this.#marks) return;
    this.#marks = marks;
    this.#api.refreshHeader();
    this.#api.refreshCells({ force: true });
  }

  apply(changes: RowChanges): void {
    const { add, update, remove } = changes;
    if (add.length + update.length + remove.length === 0) return;
    this.#api.applyTransaction({ add: [...add], update: [...update], remove: [...remove] });
  }

  /** While held, updates change values but do not sort the rows. */
  setHeld(held: boolean): void {
    this.#api.setGridOption("suppressModelUpdateAfterUpdateTransaction", held);
  }

  /** Sorts the rows. Needed after a hold. */
  sort(): void {
    this.#api.refreshClientSideRowModel("sort");
  }

  /** Shows the columns that fit. They share the remaining width in proportion to their minimum widths. */
  #fitColumns(widthPx: number): void {
    const fitting = fittingColumns(this.#shown, widthPx);
    const shown = fitting.map(({ name }) => name);
    const hidden = this.#shown.map(({ name }) => name).filter((name) => !shown.includes(name));
    const leastPx = fitting.reduce((sum, column) => sum + column.widthPx, 0);
    const factor = (widthPx - RANK_COLUMN.widthPx - SYMBOL_WIDTH_PX) / leastPx;
    // The grid's own flex widths are not used: they would also fill the space of the scroll bar.
    this.#api.applyColumnState({
      state: [
        ...hidden.map((colId) => ({ colId, hide: true })),
        ...fitting.map((column) => ({
          colId: column.name,
          hide: false,
          width: Math.floor(column.widthPx * factor),
        })),
      ],
    });
    // The rows must not stay sorted by a hidden column: the user could not see why they are in this order.
    if (hidden.some((name) => this.#api.getColumn(name)?.getSort())) this.#sortByRank();
  }

  /** Marks `symbol` as selected, if this board shows it. */
  select(symbol: string | null): void {
    const node = symbol === null ? undefined : this.#api.getRowNode(symbol);
    if (node) node.setSelected(true, true);
    else for (const selected of this.#api.getSelectedNodes()) selected.setSelected(false);
  }

  /** The symbol in the first row; null on an empty board. */
  firstSymbol(): string | null {
    return this.#api.getDisplayedRowAtIndex(0)?.data?.[0] ?? null;
  }

  destroy(): void {
    this.#size.disconnect();
    this.#api.destroy();
  }

  #sortByRank(): void {
    this.#api.applyColumnState({
      state: [{ colId: RANK_COLUMN.name, sort: "asc" }],
      defaultState: { sort: null },
    });
  }

  #columns(): ColDef<Row>[] {
    const symbol: ColDef<Row> = {
      colId: SYMBOL,
      headerName: "Symbol",
      width: SYMBOL_WIDTH_PX,
      valueGetter: ({ data }) => data?.[0],
      sortingOrder: ["asc", "desc"],
    };
    const rank: ColDef<Row> = {
      ...this.#column(RANK_COLUMN),
      valueGetter: ({ data }) => (data && this.#view ? this.#view.rank(data[0]) : null),
      width: RANK_COLUMN.widthPx,
      sort: "asc",
      sortingOrder: ["asc", "desc"],
    };
    const flexible = this.#shown.map((column) => ({
      ...this.#column(column),
      width: column.widthPx,
      minWidth: column.widthPx,
    }));
    return [rank, symbol, ...flexible];
  }

  #read(row: Row | undefined, name: string): Value {
    return row && this.#view ? this.#view.value(row, name) : null;
  }

  #column(column: BoardColumn): ColDef<Row> {
    return {
      colId: column.name,
      headerName: column.title,
      headerComponentParams: {
        innerHeaderComponent: HeaderLabel,
        explanation: column.explanation,
        mark: () => this.#view?.mark(column.name) ?? null,
      },
      valueGetter: ({ data }) => this.#read(data, column.name),
      comparator: (a, b, _nodeA, _nodeB, descending) => compareValues(a, b, descending),
      sortingOrder: ["desc", "asc"],
      cellRenderer: NumberCell,
      cellRendererParams: {
        boardColumn: column,
        relativeVolume: (row: Row) => this.#read(row, "relative_volume"),
        mark: () => this.#view?.mark(column.name) ?? null,
      },
    };
  }
}

/** The width of the grid's scroll bar. It is subtracted even if the bar lies over the content, because it hides it. */
function scrollBarWidthPx(container: HTMLElement): number {
  return container.querySelector<HTMLElement>(".ag-body-vertical-scroll")?.offsetWidth ?? 0;
}

/** The dashboard's entry: registers the widgets. */
export {};

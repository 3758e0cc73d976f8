// The field of a SELECT statement: a CodeMirror editor, or the page's textarea if the package was built without it.
// Both have the same methods; Tab leaves both.

const KEYWORDS = `all anti any as asc asof between by case cast columns cross cube current desc describe distinct else end
except exclude exists false filter first following from full group grouping groups having ilike in inner intersect interval
is join last lateral left like limit natural not null nulls offset on or order outer over partition pivot positional
preceding qualify range recursive replace right rollup row rows select semi sets similar summarize then to true try_cast
unbounded union unpivot using values when where window with within and`;
const TYPES = `bigint blob boolean date decimal double float hugeint integer json list map real smallint struct time
timestamp timestamptz tinyint ubigint uinteger uuid varchar`;

/** The place of a line and a column, both from 1, in a text. */
function placeIn(text, line, column) {
  const before = text.split("\n").slice(0, line - 1);
  return Math.min(before.join("\n").length + (before.length ? 1 : 0) + column - 1, text.length);
}

/** A space if the text to insert would touch a word. */
const spaceAfter = (before) => (/[\w"]$/.test(before) ? " " : "");

/**
 * The editor in place of a textarea.
 * @param {HTMLTextAreaElement} box
 * @param {{names: object, nonce: string, onRun: function, onChange: function}} options `nonce` is "" without CodeMirror
 */
export async function editorOf(box, options) {
  return options.nonce ? codeEditor(box, options) : plainEditor(box, options);
}

function plainEditor(box, { onRun, onChange }) {
  box.addEventListener("input", onChange);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); onRun(); }
  });
  return {
    get value() { return box.value; },
    set value(text) { box.value = text; },
    insert(text) {
      box.focus();
      box.setRangeText(spaceAfter(box.value.slice(0, box.selectionStart)) + text, box.selectionStart, box.selectionEnd, "end");
      onChange();
    },
    mark(problem) {
      if (problem) box.setAttribute("aria-invalid", "true");
      else box.removeAttribute("aria-invalid");
    },
    goTo(line, column) {
      const place = placeIn(box.value, line, column);
      box.focus();
      box.setSelectionRange(place, place);
    },
  };
}

async function codeEditor(box, { names, nonce, onRun, onChange }) {
  const [{ autocompletion, completionKeymap }, { defaultKeymap, history, historyKeymap }, { SQLDialect, sql },
    { bracketMatching, syntaxHighlighting }, { lintGutter, setDiagnostics }, { classHighlighter }, { Compartment },
    { EditorView, keymap, lineNumbers }] = await Promise.all([
    import("./vendor/codemirror/autocomplete.js"), import("./vendor/codemirror/commands.js"),
    import("./vendor/codemirror/lang-sql.js"), import("./vendor/codemirror/language.js"), import("./vendor/codemirror/lint.js"),
    import("./vendor/codemirror/lezer-highlight.js"), import("./vendor/codemirror/state.js"), import("./vendor/codemirror/view.js")]);
  const dialect = SQLDialect.define({
    keywords: KEYWORDS, types: TYPES, builtin: names.functions.join(" "),
    operatorChars: "+-*/<>=~!@%^&|", doubleDollarQuotedStrings: true, caseInsensitiveIdentifiers: true,
  });
  const completionOf = (label, type) => (type === "variable" ? { label, type: "function" } : { label: label.toUpperCase(), type, boost: -1 });
  const marks = new Compartment();
  const labels = (problem) => EditorView.contentAttributes.of({
    "aria-labelledby": "sql-label", "aria-describedby": "sql-help sql-problem", "data-search": "", ...(problem ? { "aria-invalid": "true" } : {}),
  });
  const view = new EditorView({
    doc: box.value,
    parent: box.parentElement,
    extensions: [
      EditorView.cspNonce.of(nonce),
      keymap.of([{ key: "Mod-Enter", run: () => { onRun(); return true; } }, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
      history(), lineNumbers(), lintGutter(), bracketMatching(), autocompletion(), syntaxHighlighting(classHighlighter),
      sql({ dialect, schema: schemaOf(names.tables), defaultTable: names.table, keywordCompletion: completionOf }),
      marks.of(labels(null)),
      EditorView.updateListener.of((update) => { if (update.docChanged) onChange(); }),
    ],
  });
  if (document.activeElement === box) {
    view.focus();
    view.dispatch({ selection: { anchor: box.selectionStart, head: box.selectionEnd } });
  }
  box.remove();
  document.getElementById("sql-label").removeAttribute("for");

  /** The word at a place of the statement. */
  const wordAt = ({ line, column }) => {
    const from = placeIn(view.state.doc.toString(), line, column);
    return { from, to: view.state.wordAt(from)?.to ?? Math.min(from + 1, view.state.doc.length) };
  };
  return {
    get value() { return view.state.doc.toString(); },
    set value(text) { view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }); },
    insert(text) {
      const { from, to } = view.state.selection.main;
      const added = spaceAfter(view.state.sliceDoc(Math.max(from - 1, 0), from)) + text;
      view.dispatch({ changes: { from, to, insert: added }, selection: { anchor: from + added.length } });
      view.focus();
    },
    mark(problem) {
      const found = problem?.line > 0 ? [{ ...wordAt(problem), severity: "error", message: problem.message }] : [];
      view.dispatch(setDiagnostics(view.state, found), { effects: marks.reconfigure(labels(problem)) });
    },
    goTo(line, column) {
      view.dispatch({ selection: { anchor: placeIn(view.state.doc.toString(), line, column) }, scrollIntoView: true });
      view.focus();
    },
  };
}

/** What the editor completes: tables, and the columns of each. A dot in a name doesn't divide it. */
function schemaOf(tables) {
  const column = ({ name, type, sql }) => ({ label: name, type: "property", detail: type, apply: sql });
  return Object.fromEntries(tables.map((table) => [table.name.replaceAll(".", "\\."),
    { self: { label: table.name, type: "class", detail: "table", apply: table.sql }, children: table.columns.map(column) }]));
}

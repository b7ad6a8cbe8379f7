//! Canonical formatting of TOML files, comments kept.
//!
//! `[[step]]` in place of `step = [...]`, `[step.with]` beyond three arguments, one blank line above each header, one space around
//! each `=`, no byte order mark, LF. The inside of lists and of tables in braces stays as it is. Formatting never changes what a
//! file says: a result that would is withheld.

use toml::de::DeTable;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, RawString, Table, Value};

use crate::draft::Node;

/// Why a file is not formatted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FmtError {
    /// It is not TOML.
    #[error("the file is not TOML: {0}")]
    Syntax(String),
    /// The result would not say the same: a fault of this program.
    #[error("the formatted file would not say the same, so it is left as it is")]
    Changed,
}

/// Beyond this many arguments a `with` gets a header of its own.
const INLINE_ARGUMENTS: usize = 3;

/// Returns the text in canonical form.
///
/// # Errors
/// [`FmtError::Syntax`] for a text that is not TOML, [`FmtError::Changed`] where formatting would change what it says.
pub fn fmt(text: &str) -> Result<String, FmtError> {
    let clean = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let mut document: DocumentMut = clean.parse().map_err(|error: toml_edit::TomlError| syntax(&error))?;
    let table = document.as_table_mut();
    expand_steps(table);
    tidy(table);
    let formatted = format!("{}\n", document.to_string().trim_start_matches('\n').trim_end());
    if says_the_same(&clean, &formatted) { Ok(formatted) } else { Err(FmtError::Changed) }
}

fn syntax(error: &toml_edit::TomlError) -> FmtError {
    FmtError::Syntax(error.message().to_owned())
}

fn says_the_same(before: &str, after: &str) -> bool {
    let data = |text: &str| DeTable::parse(text).map(|table| Node::document(&table).to_json());
    let same = matches!((data(before), data(after)), (Ok(before), Ok(after)) if before == after);
    same && before.matches('#').count() == after.matches('#').count()
}

fn expand_steps(table: &mut Table) {
    if let Some(mut tables) = table.get("step").and_then(array_of_tables) {
        let above = take_lines_above(table, "step");
        if let Some(first) = tables.iter_mut().next() {
            first.decor_mut().set_prefix(format!("\n{above}"));
        }
        table["step"] = Item::ArrayOfTables(tables);
    }
    let steps = table.get_mut("step").and_then(Item::as_array_of_tables_mut);
    steps.into_iter().flat_map(ArrayOfTables::iter_mut).for_each(expand_with);
}

/// Takes the comment lines above a key away from it, for the header that will stand in its place.
fn take_lines_above(table: &mut Table, key: &str) -> String {
    let Some(mut key) = table.key_mut(key) else { return String::new() };
    let lines = own_lines(key.leaf_decor().prefix()).trim_start_matches('\n').to_owned();
    key.leaf_decor_mut().clear();
    lines
}

/// Returns the list of tables in braces as tables with headers; nothing where a comment would have no place.
fn array_of_tables(item: &Item) -> Option<ArrayOfTables> {
    let array = item.as_array()?;
    let has_comments = array.to_string().contains('#') && array.to_string().contains('\n');
    if array.is_empty() || has_comments {
        return None;
    }
    let tables: Option<Vec<Table>> =
        array.iter().map(|value| value.as_inline_table().map(as_table)).collect();
    let mut list = ArrayOfTables::new();
    tables?.into_iter().for_each(|table| list.push(table));
    Some(list)
}

fn expand_with(step: &mut Table) {
    let Some(with) = step.get("with").and_then(Item::as_inline_table) else { return };
    let text = with.to_string();
    if with.len() <= INLINE_ARGUMENTS || (text.contains('#') && text.contains('\n')) {
        return;
    }
    let mut table = as_table(with);
    let above = take_lines_above(step, "with");
    table.decor_mut().set_prefix(format!("\n{above}"));
    step["with"] = Item::Table(table);
}

fn as_table(inline: &InlineTable) -> Table {
    let mut table = inline.clone().into_table();
    table.decor_mut().set_prefix("\n");
    table.decor_mut().set_suffix("");
    table
}

/// Sets the space around keys, values and headers.
fn tidy(table: &mut Table) {
    for (mut key, item) in table.iter_mut() {
        match item {
            Item::Value(value) => {
                let prefix = own_lines(key.leaf_decor().prefix());
                if !is_dotted(value) {
                    key.leaf_decor_mut().set_prefix(prefix);
                    key.leaf_decor_mut().set_suffix(" ");
                    tidy_value(value);
                }
            }
            Item::Table(inner) => tidy_header(inner),
            Item::ArrayOfTables(tables) => tables.iter_mut().for_each(tidy_header),
            Item::None => {}
        }
    }
}

fn is_dotted(value: &Value) -> bool {
    value.as_inline_table().is_some_and(InlineTable::is_dotted)
}

fn tidy_value(value: &mut Value) {
    let suffix = text_of(value.decor().suffix()).trim_end().to_owned();
    let suffix = if suffix.contains('\n') { return } else { suffix };
    value.decor_mut().set_prefix(" ");
    value.decor_mut().set_suffix(suffix);
}

fn tidy_header(table: &mut Table) {
    if table.is_dotted() {
        return;
    }
    if !table.is_implicit() {
        let lines = own_lines(table.decor().prefix());
        table.decor_mut().set_prefix(format!("\n{}", lines.trim_start_matches('\n')));
        let suffix = text_of(table.decor().suffix()).trim_end().to_owned();
        table.decor_mut().set_suffix(suffix);
    }
    tidy(table);
}

/// Returns the comment lines above something, without indentation, at most one blank line in a row.
fn own_lines(prefix: Option<&RawString>) -> String {
    let text = text_of(prefix);
    let mut out = String::new();
    let mut lines: Vec<&str> = text.split('\n').map(str::trim).collect();
    lines.pop();
    for line in lines {
        let is_second_blank = line.is_empty() && (out == "\n" || out.ends_with("\n\n"));
        if !is_second_blank {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn text_of(raw: Option<&RawString>) -> &str {
    raw.and_then(RawString::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_in_braces_get_headers_and_comments_stay() {
        let text = "\u{feff}schema=\"adjutant/v1\"   # first\r\n\r\n\r\n# why\r\ntitle   =  \"x\"\r\n# steps\r\nstep = [{ id = \"a\", end = \"done\" }]\r\n";
        let expected = "schema = \"adjutant/v1\"   # first\n\n# why\ntitle = \"x\"\n\n# steps\n[[step]]\nid = \"a\"\nend = \"done\"\n";
        assert_eq!(fmt(text).as_deref(), Ok(expected));
    }

    #[test]
    fn more_than_three_arguments_get_a_header() {
        let text =
            "[[step]]\nid = \"a\"\ncall = \"b.c\"\nwith = { a = 1, b = 2, c = 3, d = 4 }\nnext = \"e\"\n";
        let expected =
            "[[step]]\nid = \"a\"\ncall = \"b.c\"\nnext = \"e\"\n\n[step.with]\na = 1\nb = 2\nc = 3\nd = 4\n";
        assert_eq!(fmt(text).as_deref(), Ok(expected));
    }

    #[test]
    fn what_is_no_toml_is_left_alone() {
        assert!(matches!(fmt("a = "), Err(FmtError::Syntax(_))));
    }
}

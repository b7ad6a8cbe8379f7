//! The spanned tree of each TOML file, and the place of a key path in it.

use std::{ops::Range, sync::Arc};

use serde_json::{Map, Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    looks::{Moved, Part, Watcher},
    shelf::Shelf,
};

/// A TOML value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The bytes of the value; of the header for a `[table]`.
    pub span: Range<usize>,
    /// What the value is, and what it holds.
    pub kind: NodeKind,
}

/// What a TOML value is.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// A text, its escapes resolved.
    Text(String),
    /// A whole number that fits 64 bits.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A date or time, as written.
    Moment(String),
    /// A list in the order of the file.
    List(Vec<Node>),
    /// A table in the order of the file.
    Table(Vec<Entry>),
}

/// A key of a table with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key, its quotes taken off.
    pub key: String,
    /// The bytes of the key.
    pub key_span: Range<usize>,
    /// What stands at the key.
    pub value: Node,
}

impl Node {
    /// Returns the tree of a document.
    #[must_use]
    pub fn document(table: &Spanned<DeTable<'_>>) -> Self {
        Self { span: table.span(), kind: NodeKind::Table(entries(table.get_ref())) }
    }

    /// Returns the value of a key, for tables.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Returns the entries, none unless it is a table.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            NodeKind::Table(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items, none unless it is a list.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            NodeKind::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match &self.kind {
            #[expect(clippy::cast_precision_loss, reason = "bounds of the language are far below 2^53")]
            NodeKind::Integer(number) => Some(*number as f64),
            NodeKind::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the word for its type, with an article.
    #[must_use]
    pub fn type_word(&self) -> &'static str {
        match self.kind {
            NodeKind::Text(_) => "a text",
            NodeKind::Integer(_) => "a whole number",
            NodeKind::Float(_) => "a number",
            NodeKind::Boolean(_) => "true or false",
            NodeKind::Moment(_) => "a date or time",
            NodeKind::List(_) => "a list",
            NodeKind::Table(_) => "a table",
        }
    }

    /// Returns the JSON form; a date or time becomes a text.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.kind {
            NodeKind::Text(text) | NodeKind::Moment(text) => Value::String(text.clone()),
            NodeKind::Integer(number) => Value::from(*number),
            NodeKind::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
            NodeKind::Boolean(truth) => Value::Bool(*truth),
            NodeKind::List(items) => items.iter().map(Self::to_json).collect(),
            NodeKind::Table(entries) => {
                let fields: Map<String, Value> =
                    entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect();
                Value::Object(fields)
            }
        }
    }
}

fn entries(table: &DeTable<'_>) -> Vec<Entry> {
    table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: key.span(),
            value: Node { span: value.span(), kind: kind(value.get_ref()) },
        })
        .collect()
}

fn kind(value: &DeValue<'_>) -> NodeKind {
    match value {
        DeValue::String(text) => NodeKind::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| NodeKind::Float(number.as_str().parse().unwrap_or(f64::NAN)), NodeKind::Integer),
        DeValue::Float(number) => NodeKind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => NodeKind::Boolean(*truth),
        DeValue::Datetime(moment) => NodeKind::Moment(moment.to_string()),
        DeValue::Array(items) => NodeKind::List(
            items.iter().map(|item| Node { span: item.span(), kind: kind(item.get_ref()) }).collect(),
        ),
        DeValue::Table(table) => NodeKind::Table(entries(table)),
    }
}

/// Where each key of each TOML file is.
///
/// A key path is dotted, with list positions in brackets: `step[3].on.lead`, `policy.budget[0]`. A key that itself holds a dot is
/// found when it is written as it stands.
#[derive(Debug, Clone)]
pub struct Places {
    trees: Shelf<Tree>,
}

/// The tree of a file, with its text without byte order mark.
#[derive(Debug, Clone, PartialEq)]
struct Tree {
    text: Arc<str>,
    node: Node,
}

impl Places {
    pub(crate) fn new(watcher: &Watcher) -> Self {
        Self { trees: Shelf::new(Part::Places, watcher) }
    }

    /// Keeps the tree of a file and its text without byte order mark.
    pub fn insert(&mut self, file: impl Into<String>, text: Arc<str>, node: Node) {
        self.trees.insert(file, Tree { text, node });
    }

    pub(super) fn before(&self, watcher: &Watcher) -> Self {
        Self { trees: self.trees.before(watcher) }
    }

    pub(super) fn absorb(&mut self, file: &Self) {
        self.trees.absorb(&file.trees);
    }

    pub(super) fn release(&mut self, file: &Self) {
        self.trees.release(&file.trees);
    }

    pub(super) fn compare(&self, before: &Self, moved: &mut Moved) {
        self.trees.compare(&before.trees, moved);
    }

    /// Returns the tree of a file.
    #[must_use]
    pub fn tree(&self, file: &str) -> Option<&Node> {
        self.trees.get(file).map(|tree| &tree.node)
    }

    /// Returns the bytes of the value at a key path, or of its nearest parent; nothing for a file that has no tree.
    #[must_use]
    pub fn place(&self, file: &str, path: &str) -> Option<Range<usize>> {
        self.walk(file, path).map(|found| found.node.span.clone())
    }

    /// Returns the bytes of the key at a key path, or of its nearest parent; of the value where a list holds it.
    #[must_use]
    pub fn key_place(&self, file: &str, path: &str) -> Option<Range<usize>> {
        self.walk(file, path).map(|found| found.key.unwrap_or_else(|| found.node.span.clone()))
    }

    /// Returns the bytes of a part of the text value at a key path, given as a range of the decoded text.
    #[must_use]
    pub fn inside(&self, file: &str, path: &str, part: Range<usize>) -> Option<Range<usize>> {
        let text = &self.trees.get(file)?.text;
        Some(inside(text, self.walk(file, path)?.node, part))
    }

    fn walk<'n, 'p>(&'n self, file: &str, path: &'p str) -> Option<Reached<'n, 'p>> {
        let mut reached = Reached { key: None, node: &self.trees.get(file)?.node, left: path };
        while !reached.left.is_empty() {
            let Some(child) = descend(reached.node, reached.left) else { break };
            reached = child;
        }
        Some(reached)
    }
}

/// How far a key path has led.
struct Reached<'n, 'p> {
    /// The bytes of the key; absent for an item of a list.
    key: Option<Range<usize>>,
    node: &'n Node,
    /// What is left of the path.
    left: &'p str,
}

/// Returns the child that a path begins with.
fn descend<'n, 'p>(node: &'n Node, path: &'p str) -> Option<Reached<'n, 'p>> {
    let rest = |left: &'p str| left.strip_prefix('.').unwrap_or(left);
    if let Some(indexed) = path.strip_prefix('[') {
        let (index, left) = indexed.split_once(']')?;
        let item = node.items().get(index.parse::<usize>().ok()?)?;
        return Some(Reached { key: None, node: item, left: rest(left) });
    }
    let matching = node.entries().iter().filter_map(|entry| {
        let left = path.strip_prefix(entry.key.as_str())?;
        let ends = left.is_empty() || left.starts_with('.') || left.starts_with('[');
        ends.then_some((entry, left))
    });
    let (entry, left) = matching.max_by_key(|(entry, _)| entry.key.len())?;
    Some(Reached { key: Some(entry.key_span.clone()), node: &entry.value, left: rest(left) })
}

/// Returns the bytes of a part of a text value; the whole value where escapes or joins moved it.
pub(crate) fn inside(source: &str, value: &Node, part: Range<usize>) -> Range<usize> {
    let whole = value.span.clone();
    let (Some(decoded), Some(written)) = (value.text(), source.get(whole.clone())) else { return whole };
    match written.find(decoded) {
        Some(offset) if part.start <= part.end && part.end <= decoded.len() => {
            whole.start + offset + part.start..whole.start + offset + part.end
        }
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Places {
        let (table, _) = DeTable::parse_recoverable(text);
        let mut places = Places::new(&Watcher::default());
        places.insert("a.toml", text.into(), Node::document(&table));
        places
    }

    #[test]
    fn a_key_path_leads_to_key_and_value() {
        let text = "[[step]]\nid = \"a\"\n[[step]]\non = { lead = \"b\" }\n";
        let places = places(text);
        let value = places.place("a.toml", "step[1].on.lead").expect("there");
        assert_eq!(&text[value], "\"b\"");
        let key = places.key_place("a.toml", "step[1].on.lead").expect("there");
        assert_eq!(&text[key], "lead");
    }

    #[test]
    fn what_is_missing_leads_to_the_nearest_parent() {
        let text = "[[step]]\non = { lead = \"b\" }\n";
        let places = places(text);
        let parent = places.place("a.toml", "step[0].on.other").expect("there");
        assert_eq!(&text[parent], "{ lead = \"b\" }");
        assert_eq!(places.place("b.toml", "step"), None);
    }

    #[test]
    fn a_part_of_a_text_is_found_unless_escapes_moved_it() {
        let text = "a = \"x {{ y }}\"\nb = \"\\u0041 {{ y }}\"\n";
        let places = places(text);
        assert_eq!(&text[places.inside("a.toml", "a", 5..6).expect("there")], "y");
        assert_eq!(&text[places.inside("a.toml", "b", 5..6).expect("there")], "\"\\u0041 {{ y }}\"");
    }
}

//! Takes values out of a tree whose form has been checked. What has the wrong form is absent here: it was reported.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::cx::Cx;
use crate::{
    draft::{Node, NodeKind},
    plan::Id,
    value::{Arg, Money, Period, Template},
};

impl<'a> Cx<'a> {
    pub(crate) fn view(self, node: &'a Node) -> View<'a> {
        View { cx: self, node }
    }
}

/// A table that values are taken out of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    cx: Cx<'a>,
    node: &'a Node,
}

impl<'a> View<'a> {
    pub(crate) fn node(&self, key: &str) -> Option<&'a Node> {
        self.node.get(key)
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.node.get(key)?.text().map(str::to_owned)
    }

    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        let items = self.node.get(key).map_or(&[][..], Node::items);
        items.iter().filter_map(|item| item.text().map(str::to_owned)).collect()
    }

    pub(crate) fn text_map(&self, key: &str) -> BTreeMap<String, String> {
        let entries = self.node.get(key).map_or(&[][..], Node::entries);
        entries.iter().filter_map(|entry| Some((entry.key.clone(), entry.value.text()?.to_owned()))).collect()
    }

    /// Returns the word at a key as the enum that has it.
    pub(crate) fn word<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_value(Value::String(self.text(key)?)).ok()
    }

    pub(crate) fn period(&self, key: &str) -> Option<Period> {
        self.text(key)?.parse().ok()
    }

    pub(crate) fn money(&self, key: &str) -> Option<Money> {
        Money::limit(&self.text(key)?, Some(self.cx.currency)).ok()
    }

    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.node.get(key)?.number()
    }

    pub(crate) fn integer(&self, key: &str) -> Option<i64> {
        match self.node.get(key)?.kind {
            NodeKind::Integer(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn count(&self, key: &str) -> Option<u32> {
        u32::try_from(self.integer(key)?).ok()
    }

    pub(crate) fn json(&self, key: &str) -> Option<Value> {
        self.node.get(key).map(Node::to_json)
    }

    pub(crate) fn template(&self, key: &str) -> Option<Template> {
        Template::parse(self.node.get(key)?.text()?).ok()
    }

    pub(crate) fn expression(&self, key: &str) -> Option<Template> {
        Template::parse_expression(self.node.get(key)?.text()?).ok()
    }

    pub(crate) fn args(&self, key: &str) -> BTreeMap<String, Arg> {
        let entries = self.node.get(key).map_or(&[][..], Node::entries);
        entries.iter().filter_map(|entry| Some((entry.key.clone(), arg(&entry.value)?))).collect()
    }

    pub(crate) fn schema(&self, key: &str) -> Option<Value> {
        super::shape::schema(self.node.get(key)?, &self.cx).ok()
    }

    pub(crate) fn open_schema(&self, key: &str) -> Option<Value> {
        super::shape::open_schema(self.node.get(key)?, &self.cx).ok()
    }

    pub(crate) fn open_schemas(&self, key: &str) -> BTreeMap<Id, Value> {
        let entries = self.node.get(key).map_or(&[][..], Node::entries);
        let schema = |node| super::shape::open_schema(node, &self.cx).ok();
        entries.iter().filter_map(|entry| Some((entry.key.clone(), schema(&entry.value)?))).collect()
    }

    pub(crate) fn table(&self, key: &str) -> Option<Self> {
        let node = self.node.get(key)?;
        matches!(node.kind, NodeKind::Table(_)).then_some(Self { cx: self.cx, node })
    }

    pub(crate) fn list(&self, key: &str) -> Vec<Self> {
        let items = self.node.get(key).map_or(&[][..], Node::items);
        items.iter().map(|node| Self { cx: self.cx, node }).collect()
    }

    pub(crate) fn tables(&self, key: &str) -> BTreeMap<Id, Self> {
        let entries = self.node.get(key).map_or(&[][..], Node::entries);
        entries.iter().map(|entry| (entry.key.clone(), Self { cx: self.cx, node: &entry.value })).collect()
    }
}

/// Returns an argument: a literal, or a text with holes, nested as in the file.
pub(crate) fn arg(node: &Node) -> Option<Arg> {
    match &node.kind {
        NodeKind::Text(text) if has_holes(text) => Template::parse(text).ok().map(Arg::Template),
        NodeKind::List(items) => Some(Arg::List(items.iter().filter_map(arg).collect())),
        NodeKind::Table(entries) => {
            let fields = entries.iter().filter_map(|entry| Some((entry.key.clone(), arg(&entry.value)?)));
            Some(Arg::Table(fields.collect()))
        }
        _ => Some(Arg::Literal(node.to_json())),
    }
}

fn has_holes(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|opening| text.contains(opening))
}

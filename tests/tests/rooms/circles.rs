//! Modules that use each other in a circle: neither can be read, moved or replaced without the other.
//!
//! A module is a file. It uses another one where a path of it leads there, through `use` or in the middle of the code; what a
//! module only passes on (`pub use`) is used from where it is made. So a `mod.rs` that wires its children is in no circle
//! with them; a child that uses what its parent defines, while the parent uses what the child defines, is in one.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::tokens::{self, Token};

/// The path of a module in its crate; the root has none.
type Name = Vec<String>;

/// The most names in a row that are only passed on.
const MOST_PASSED: usize = 16;

/// What `use` brings under a name.
#[derive(Debug)]
struct Import {
    path: Vec<String>,
    line: usize,
    /// Whether it only passes the name on, as far as the word before it tells.
    is_public: bool,
}

/// A path as it stands in the code.
#[derive(Debug)]
struct CodePath {
    parts: Vec<String>,
    line: usize,
}

#[derive(Debug, Default)]
struct Module {
    file: String,
    children: BTreeSet<String>,
    imports: BTreeMap<String, Import>,
    globs: Vec<Import>,
    defined: BTreeSet<String>,
    /// Paths in the code itself.
    paths: Vec<CodePath>,
    words: BTreeSet<String>,
}

/// A module that uses another one, with the first place where it does.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) place: String,
}

/// One file of a crate.
pub(crate) struct Source {
    /// Its path in the repository.
    pub(crate) file: String,
    pub(crate) text: String,
}

/// The modules of one crate and how they use each other.
pub(crate) struct Graph {
    uses: BTreeMap<String, BTreeMap<String, Use>>,
}

impl Graph {
    /// Reads the modules of a crate.
    pub(crate) fn read(files: &[Source]) -> Self {
        let modules: BTreeMap<Name, Module> =
            files.iter().map(|source| (name_of(&source.file), Module::read(source))).collect();
        let mut uses: BTreeMap<String, BTreeMap<String, Use>> = BTreeMap::new();
        let lookup = Lookup { modules: &modules, passed: 0 };
        for (name, module) in &modules {
            for used in module.uses() {
                let found =
                    if used.is_glob { lookup.all_of(name, used.path) } else { lookup.find(name, used.path) };
                let Some(to) = found else { continue };
                if to == *name {
                    continue;
                }
                let (from, to) = (name.join("::"), to.join("::"));
                let place =
                    format!("{}:{}: {from} uses {to} by `{}`", module.file, used.line, used.path.join("::"));
                let known = uses.entry(from.clone()).or_default();
                known.entry(to.clone()).or_insert(Use { from, to, place });
            }
        }
        Self { uses }
    }

    /// Returns one short circle of each group of modules that reach each other, as the uses that make it.
    pub(crate) fn circles(&self) -> Vec<Vec<&Use>> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut found = Vec::new();
        for name in self.uses.keys() {
            if seen.contains(name.as_str()) {
                continue;
            }
            if let Some(circle) = self.way(name, name) {
                seen.extend(self.group(name));
                found.push(circle);
            }
        }
        found
    }

    /// Returns the modules that a module reaches and that reach it.
    pub(crate) fn group<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        let reached = self.reached(name);
        reached.into_iter().filter(|other| self.reached(other).contains(name)).collect()
    }

    fn reached<'a>(&'a self, name: &str) -> BTreeSet<&'a str> {
        let (mut reached, mut next) = (BTreeSet::new(), self.of(name));
        while let Some(used) = next.pop() {
            if reached.insert(used.to.as_str()) {
                next.extend(self.of(&used.to));
            }
        }
        reached
    }

    /// Returns the shortest way from one module to another.
    fn way(&self, from: &str, to: &str) -> Option<Vec<&Use>> {
        let mut ways: std::collections::VecDeque<Vec<&Use>> =
            self.of(from).into_iter().map(|used| vec![used]).collect();
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            let last = way.last().expect("a way has a first step");
            if last.to == to {
                return Some(way);
            }
            if seen.insert(last.to.as_str()) {
                ways.extend(self.of(&last.to).into_iter().map(|used| [way.as_slice(), &[used]].concat()));
            }
        }
        None
    }

    fn of(&self, name: &str) -> Vec<&Use> {
        self.uses.get(name).map(|uses| uses.values().collect()).unwrap_or_default()
    }
}

impl Module {
    fn read(source: &Source) -> Self {
        let mut module = Self { file: source.file.clone(), ..Self::default() };
        let tokens = tokens::shipped(&source.text);
        let mut at = 0;
        while at < tokens.len() {
            at = match tokens[at].text.as_str() {
                "use" if is_item(&tokens, at) => module.read_use(&tokens, at),
                "mod" if tokens.get(at + 2).is_some_and(|one| one.text == ";") => {
                    module.children.insert(tokens[at + 1].text.clone());
                    at + 3
                }
                _ => module.read_code(&tokens, at),
            };
        }
        module
    }

    /// Reads `use a::{b, c as d};` from its keyword on; returns where it ends.
    fn read_use(&mut self, tokens: &[Token], at: usize) -> usize {
        let end = (at..tokens.len()).find(|index| tokens[*index].text == ";").unwrap_or(tokens.len());
        let is_public = at > 0 && ["pub", ")"].contains(&tokens[at - 1].text.as_str());
        self.read_tree(&tokens[at + 1..end], &[], is_public);
        end + 1
    }

    fn read_tree(&mut self, tree: &[Token], before: &[String], is_public: bool) {
        for branch in branches(tree) {
            let line = branch.first().map_or(0, |first| first.line);
            if let Some(open) = branch.iter().position(|one| one.text == "{") {
                let path = [before, &words(&branch[..open])].concat();
                self.read_tree(&branch[open + 1..branch.len() - 1], &path, is_public);
                continue;
            }
            let alias = branch.iter().position(|one| one.text == "as");
            let written = &branch[..alias.unwrap_or(branch.len())];
            let mut path = [before, &words(written)].concat();
            if written.last().is_some_and(|one| one.text == "*") {
                self.globs.push(Import { path, line, is_public });
                continue;
            }
            if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                path.pop();
            }
            let named = alias.and_then(|at| branch.get(at + 1)).map(|one| one.text.clone());
            let Some(name) = named.or_else(|| path.last().cloned()) else { continue };
            // Traits are brought in under no name.
            let name = if name == "_" { format!("_ {}", path.join("::")) } else { name };
            self.imports.insert(name, Import { path, line, is_public });
        }
    }

    /// Reads a definition, a path or a sign; returns where it ends.
    fn read_code(&mut self, tokens: &[Token], at: usize) -> usize {
        const DEFINE: [&str; 9] =
            ["fn", "struct", "enum", "trait", "type", "const", "static", "union", "macro_rules"];
        let token = &tokens[at];
        if !token.is_word() {
            return at + 1;
        }
        if DEFINE.contains(&token.text.as_str()) {
            let name = tokens[at + 1..].iter().find(|one| one.is_word() && one.text != "mut");
            self.defined.extend(name.map(|one| one.text.clone()));
            return at + 1;
        }
        let mut path = vec![token.text.clone()];
        let mut end = at + 1;
        while tokens.get(end).is_some_and(|one| one.text == "::")
            && tokens.get(end + 1).is_some_and(Token::is_word)
        {
            path.push(tokens[end + 1].text.clone());
            end += 2;
        }
        let is_begin = at == 0 || !["::", "."].contains(&tokens[at - 1].text.as_str());
        if is_begin {
            self.words.insert(token.text.clone());
            if path.len() > 1 {
                self.paths.push(CodePath { parts: path, line: token.line });
            }
        }
        end
    }

    /// Returns the paths by which it uses others.
    fn uses(&self) -> impl Iterator<Item = Named<'_>> {
        let imports =
            self.imports.iter().filter(|(name, import)| !import.is_public || self.words.contains(*name));
        let imports =
            imports.map(|(_, import)| Named { path: &import.path, line: import.line, is_glob: false });
        let globs = self.globs.iter().filter(|import| !import.is_public);
        let globs = globs.map(|import| Named { path: &import.path, line: import.line, is_glob: true });
        imports.chain(globs).chain(self.paths.iter().map(|CodePath { parts: path, line }| Named {
            path,
            line: *line,
            is_glob: false,
        }))
    }
}

/// A path by which a module uses another one.
struct Named<'a> {
    path: &'a [String],
    line: usize,
    /// Whether all that it leads to is brought in.
    is_glob: bool,
}

/// Finds the module that defines what a path names.
#[derive(Clone, Copy)]
struct Lookup<'a> {
    modules: &'a BTreeMap<Name, Module>,
    /// How many names were passed on before this one: two modules may pass on everything of each other.
    passed: usize,
}

impl Lookup<'_> {
    /// Returns the module in which the end of a path is defined; `None` where it leads out of the crate, or names a module.
    fn find(self, from: &Name, path: &[String]) -> Option<Name> {
        let (mut at, mut rest) = (from.clone(), path);
        loop {
            let (first, others) = rest.split_first()?;
            match first.as_str() {
                "crate" => at = Name::new(),
                "self" => {}
                "super" => drop(at.pop()),
                _ if self.modules.get(&at)?.children.contains(first) => at.push(first.clone()),
                _ => {
                    // What begins with a name that nobody here knows is another crate; after a module, a macro made it.
                    let is_made = rest.len() < path.len() && !self.modules[&at].imports.contains_key(first);
                    return self.named(&at, rest).or_else(|| is_made.then_some(at));
                }
            }
            rest = others;
        }
    }

    /// Returns the module whose names a path brings in, all at once.
    fn all_of(self, from: &Name, path: &[String]) -> Option<Name> {
        let anything = [path, &["*".to_owned()]].concat();
        self.find(from, &anything)
    }

    /// Returns where a name of a module is defined that is no child of it: here, or where it is brought from.
    fn named(mut self, at: &Name, path: &[String]) -> Option<Name> {
        let (module, first) = (self.modules.get(at)?, path.first()?);
        self.passed += 1;
        if self.passed > MOST_PASSED {
            return Some(at.clone());
        }
        if let Some(import) = module.imports.get(first) {
            let is_crate = import.path.len() == 1 && import.path.first() == Some(first);
            return if is_crate {
                None
            } else {
                self.find(at, &[import.path.as_slice(), &path[1..]].concat())
            };
        }
        if module.defined.contains(first) {
            return Some(at.clone());
        }
        let through = module.globs.iter().map(|glob| [glob.path.as_slice(), path].concat());
        let found = through.filter_map(|whole| self.find(at, &whole));
        found.into_iter().find(|found| self.modules[found].defined.contains(first))
    }
}

fn is_item(tokens: &[Token], at: usize) -> bool {
    at == 0 || !["::", "."].contains(&tokens[at - 1].text.as_str())
}

/// Splits a tree of `use` at the commas of its outermost level.
fn branches(tree: &[Token]) -> Vec<&[Token]> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (index, token) in tree.iter().enumerate() {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 0 => {
                found.push(&tree[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    found.push(&tree[start..]);
    found.retain(|branch| !branch.is_empty());
    found
}

fn words(tokens: &[Token]) -> Vec<String> {
    tokens.iter().filter(|one| one.is_word()).map(|one| one.text.clone()).collect()
}

/// Returns the module of a file below `src`.
fn name_of(file: &str) -> Name {
    let below = file.rsplit_once("src/").map_or(file, |(_, below)| below);
    let path = Path::new(below).with_extension("");
    let mut name: Name = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(name.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        name.pop();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the circles of a crate of these files, each as the modules that reach each other.
    fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let files: Vec<Source> = files
            .iter()
            .map(|(file, text)| Source { file: format!("src/{file}.rs"), text: (*text).to_owned() })
            .collect();
        let graph = Graph::read(&files);
        let groups = graph.circles().into_iter().map(|circle| graph.group(&circle[0].from));
        groups.map(|group| group.into_iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn two_modules_that_use_each_other_are_a_circle_however_it_is_written() {
        let one =
            "pub struct One; use crate::{other::{self as o, deep::{Unused, Two as T}}, x}; fn f(_: T) {}";
        for two in [
            "pub struct Two; use super::super::one::One;",
            "pub struct Two; fn f() { let _ = crate::one::One; }",
            "pub struct Two; use crate::one; fn f() -> one::One { panic!() }",
            "pub struct Two; macro_rules! m { () => { $crate::one::One } }",
            "pub struct Two; use crate::one::*;",
            "pub struct Two; #[cfg(test)] mod tests {} pub use crate::one::One as Same; fn f(_: Same) {}",
        ] {
            let files = [
                ("lib", "mod one; mod other;"),
                ("one", one),
                ("other/mod", "pub mod deep;"),
                ("other/deep", two),
            ];
            assert_eq!(circles(&files), [["one", "other::deep"]], "{two}");
        }
    }

    #[test]
    fn what_is_said_and_not_done_is_no_circle() {
        let one = "pub struct One; use crate::two::Two; use serde_json::Value;";
        for two in [
            "//! See [`crate::one::One`].\npub struct Two;",
            "pub struct Two; const T: &str = \"crate::one::One\"; const R: &str = r#\"crate::one::One\"#;",
            "pub struct Two; #[cfg(test)] mod tests { use crate::one::One; } #[cfg(test)] use crate::one::One;",
            "pub struct Two; /* crate::one::One /* nested */ */ fn f<'a>(_: &'a char) { let _ = '\"'; }",
            "pub struct Two; pub(crate) use crate::one::One;",
            "pub struct Two; use crate::one::Value;",
        ] {
            assert!(circles(&[("lib", "mod one; mod two;"), ("one", one), ("two", two)]).is_empty(), "{two}");
        }
    }

    #[test]
    fn a_parent_that_passes_on_is_no_part_and_one_that_defines_is() {
        let child = ("room/child", "use super::{Shared, Sibling}; pub struct Child;");
        let sibling = ("room/sibling", "pub struct Sibling;");
        let lib = ("lib", "mod room;");
        let wires = "mod child; mod shared; mod sibling; pub use child::Child; use shared::Shared; pub use sibling::*;";
        let shared = ("room/shared", "pub struct Shared;");
        assert!(circles(&[lib, ("room/mod", wires), child, sibling, shared]).is_empty());
        let defines = "mod child; mod sibling; pub use child::Child; pub use sibling::Sibling; pub struct Shared(Child);";
        assert_eq!(circles(&[lib, ("room/mod", defines), child, sibling]), [["room", "room::child"]]);
    }
}

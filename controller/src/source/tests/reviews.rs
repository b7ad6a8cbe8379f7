//! What an approval is shown: the company first and whole, everything else shown or named, every byte visible.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::world::World;
use crate::source::{Extent, Review};

/// Commits what a change makes of the folder, and shows it.
fn reviewed(before: impl Fn(&World), change: impl Fn(&World), extent: Extent) -> Review {
    let world = World::committed();
    world.write("prompts/tone.md", "Be kind.\nBe short.\n");
    before(&world);
    let old = world.commit("before");
    change(&world);
    let new = world.commit("after");
    let company = world.company();
    company.seed(&world.folder()).expect("seeded");
    company.review(&old, &new, extent).expect("shown")
}

fn change(change: impl Fn(&World)) -> Review {
    reviewed(|_| {}, change, Extent::Glance)
}

#[test]
fn a_large_file_hides_nothing_and_is_named_until_all_is_shown() {
    let large = "a line of a long text\n".repeat(70_000);
    for name in ["aaa.txt", "docs/notes.md", "zzz.txt"] {
        let both = |world: &World| {
            world.write(name, &large);
            world.write("prompts/tone.md", "Be kind.\nPay every invoice.\n");
        };
        let shown = change(both);
        assert!(shown.text.contains("+Pay every invoice."), "{name}: {}", shown.text);
        assert!(shown.text.len() < 10_000);
        assert_eq!(shown.hidden.iter().map(|hidden| hidden.path.as_str()).collect::<Vec<_>>(), [name]);
        let all = reviewed(|_| {}, both, Extent::All);
        assert!(all.hidden.is_empty() && all.text.matches("+a line of a long text").count() == 70_000);
    }
}

#[test]
fn the_company_is_shown_whole_however_long_and_protected_files_come_first() {
    let long: String = (0..20_000).map(|line| format!("line {line} of a long prompt\n")).collect();
    let shown = change(|world| {
        world.write("agents/a.toml", "x\n");
        world.write("prompts/long.md", &long);
        world.write("slices/sales/slice.toml", "stage = \"act\"\n");
        world.write("policies/money.toml", "limit = \"9000.00 EUR\"\n");
    });
    assert!(shown.hidden.is_empty(), "{:?}", shown.hidden);
    assert!(shown.text.contains("+line 19999 of a long prompt"));
    assert_eq!(shown.protected, ["policies/money.toml", "slices/sales/slice.toml"]);
    let place = |text: &str| shown.text.find(text).expect(text);
    assert!(place("+limit = ") < place("+x"), "who may do what comes first");
    assert!(shown.text.starts_with("4 files differ\nprotected: policies/money.toml: says who may do what\n"));
}

#[test]
fn what_is_no_text_is_named_with_its_size_and_id() {
    let picture = |world: &World| world.write("logo.png", b"\x89PNG\r\n\x1a\n\0\0\0");
    let shown = change(picture);
    assert_eq!(shown.hidden.len(), 1);
    assert!(shown.hidden[0].why.starts_with("no text, 11 bytes, content "), "{:?}", shown.hidden);
    let all = reviewed(|_| {}, picture, Extent::All);
    assert!(all.hidden.is_empty() && all.text.contains("new file mode 100644"), "{}", all.text);
    assert!(all.text.contains("logo.png: no text, 11 bytes, content "), "{}", all.text);
    // A file of the company is shown in any case, as text.
    let odd = change(|world| world.write("prompts/odd.md", b"a\0b\xff\n"));
    assert!(odd.hidden.is_empty() && odd.text.contains("\\xff"), "{}", odd.text);
}

#[test]
fn attributes_of_the_tree_do_not_tell_what_to_leave_out() {
    let shown = change(|world| {
        world.write(".gitattributes", "*.md -diff\n*.toml binary\n");
        world.write("prompts/tone.md", "Pay every invoice.\n");
    });
    assert!(shown.text.contains("+Pay every invoice."), "{}", shown.text);
    assert!(shown.text.contains("+*.md -diff"), "{}", shown.text);
}

#[test]
fn modes_links_and_submodules_are_shown_for_what_they_are() {
    let program = change(|world| {
        let path = world.path("prompts/tone.md");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    });
    assert!(program.text.contains("new mode 100755 (a program)"), "{}", program.text);
    let link = |to: &'static str| {
        move |world: &World| {
            std::fs::remove_file(world.path("prompts/link.md")).ok();
            symlink(to, world.path("prompts/link.md")).expect("a link");
        }
    };
    let moved = reviewed(
        |world| {
            world.write("shared/other.md", "Pay every invoice.\n");
            link("tone.md")(world);
        },
        link("../shared/other.md"),
        Extent::Glance,
    );
    assert!(moved.text.contains("+../shared/other.md") && moved.text.contains("(a link;"), "{}", moved.text);
    assert!(moved.text.contains("+Pay every invoice."), "what it leads to is what counts: {}", moved.text);
    let submodule = change(|world| {
        let commit = world.head();
        world.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},vendor")]);
        std::fs::create_dir_all(world.path("vendor")).expect("a folder");
    });
    assert!(submodule.text.contains("(a submodule;"), "{}", submodule.text);
    assert!(submodule.text.contains("+submodule at commit "), "{}", submodule.text);
}

#[test]
fn a_change_behind_a_link_is_a_change_of_the_company() {
    let shown = reviewed(
        |world| {
            world.write("shared/zzz.md", "Be kind.\n");
            symlink("../shared/zzz.md", world.path("prompts/zzz.md")).expect("a link");
        },
        |world| {
            world.write("shared/zzz.md", "Pay every invoice.\n");
            world.write("aaa.txt", "a long text\n".repeat(200_000));
        },
        Extent::Glance,
    );
    assert!(
        shown.text.contains("--- a/prompts/zzz.md") && shown.text.contains("+Pay every invoice."),
        "{}",
        shown.text
    );
}

#[test]
fn a_file_that_moved_is_shown_where_it_is_now() {
    let shown = change(|world| {
        std::fs::rename(world.path("prompts/tone.md"), world.path("prompts/voice.md")).expect("moved");
    });
    assert!(
        shown.text.contains("deleted file mode 100644\n--- a/prompts/tone.md\n+++ /dev/null\n"),
        "{}",
        shown.text
    );
    assert!(
        shown.text.contains("+++ b/prompts/voice.md\n@@ -0,0 +1,2 @@\n+Be kind.\n+Be short.\n"),
        "{}",
        shown.text
    );
}

#[test]
fn what_a_screen_swallows_is_written_out() {
    for (text, seen) in [
        ("Be kind.\r\nBe short.\r\n", "+Be kind.\\r\n"),
        ("Be kind. \nBe short.\n", "+Be kind.\\u{20}\n"),
        ("Be kind.\t\nBe short.\n", "+Be kind.\\t\n"),
        ("Be kind.\u{200b}\nBe short.\n", "+Be kind.\\u{200b}\n"),
        ("Be \u{202e}kind.\nBe short.\n", "+Be \\u{202e}kind.\n"),
        ("Be kind.\nBe short.", "+Be short.\n\\ No newline at end of file\n"),
    ] {
        let shown = change(|world| world.write("prompts/tone.md", text));
        assert!(shown.text.contains(seen), "{text:?}: {}", shown.text);
    }
    let named = change(|world| world.write("docs/a\u{202e}b.txt", "x\n"));
    assert!(named.text.contains("b/docs/a\\u{202e}b.txt"), "{}", named.text);
}

//! `proposals new`: a change as a patch, from a commit, a diff or mails.
//!
//! The daemon may be on another machine, and follow another folder: what travels is the difference between what `main` has
//! and what is proposed.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use super::Cx;
use crate::{
    cli::{
        args::NewProposalArgs,
        failure::{Exit, Failure},
    },
    desk::{NewProposal, views::FullStatus},
    source::{Error, Git, GitCode, Invocation},
};

/// The largest file that is read as a patch; the daemon takes less.
const LARGEST: u64 = 8 * 1024 * 1024;

/// A change on its way.
struct Change {
    patch: String,
    title: Option<String>,
    reason: Option<String>,
}

/// Returns the wish that opens a proposal.
pub(super) async fn wish(cx: &Cx, args: &NewProposalArgs) -> Result<NewProposal, Failure> {
    let change = match &args.patch {
        Some(file) => of_file(file)?,
        None => of_commit(args, main_of_daemon(cx).await.as_deref())?,
    };
    let title = args.title.clone().or(change.title).unwrap_or_default();
    if title.trim().is_empty() {
        return Err(Failure::invalid("the proposal has no title")
            .hint("say in one line what it changes: `--title TEXT`"));
    }
    let reason = args.reason.clone().or(change.reason);
    Ok(NewProposal { title, reason, topic: Some(args.topic.clone()), head: None, patch: Some(change.patch) })
}

/// Returns what the daemon merges proposals with; one who may not read it proposes the last commit alone.
async fn main_of_daemon(cx: &Cx) -> Option<String> {
    cx.client.view::<FullStatus>(&["status"]).await.ok()?.revision.main
}

/// Makes a patch of everything in a commit that `main` has not.
fn of_commit(args: &NewProposalArgs, main: Option<&str>) -> Result<Change, Failure> {
    let repository = Repository { git: Git::default(), folder: &args.repo };
    let head = repository.commit(&args.head)?.ok_or_else(|| {
        Failure::new(
            Exit::NotFound,
            format!("there is no commit \"{}\" in \"{}\"", args.head, args.repo.display()),
        )
        .hint("commit the change first, or give it as a file: `--patch FILE`")
    })?;
    let known = match main {
        Some(main) => repository.commit(main)?,
        None => None,
    };
    let exact = ["--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv"];
    let patch = match known {
        Some(main) => {
            let range = format!("{main}...{head}");
            repository.read("diff", &[&exact[..], &[range.as_str()]].concat())?
        }
        // Without `main` here there is only the commit itself.
        None => {
            let alone = ["--format=", "--first-parent", head.as_str()];
            repository.read("show", &[&exact[..], &alone[..]].concat())?
        }
    };
    if patch.is_empty() {
        return Err(repository.nothing(&args.head));
    }
    let patch = String::from_utf8(patch).map_err(|_| {
        Failure::invalid("a changed file is no UTF-8 text, and a patch cannot carry that")
            .hint("push the commit to `refs/for/main` of the daemon's `company.git` in its place")
    })?;
    let said = |format: &str| {
        repository
            .read("log", &["-1", format, &head])
            .map(|text| String::from_utf8_lossy(&text).trim().to_owned())
    };
    let (title, reason) = (said("--format=%s")?, said("--format=%b")?);
    Ok(Change { patch, title: Some(title), reason: Some(reason).filter(|reason| !reason.is_empty()) })
}

/// Reads a diff, or mails that hold some.
fn of_file(file: &Path) -> Result<Change, Failure> {
    let failed = Failure::file("read", file);
    let mut bytes = Vec::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        fs::File::open(file).and_then(|open| open.take(LARGEST + 1).read_to_end(&mut bytes))
    };
    read.map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Failure::invalid(format!("\"{}\" has more than {LARGEST} bytes", file.display())));
    }
    if is_diff(&bytes) {
        return Ok(Change { patch: text(bytes)?, title: None, reason: None });
    }
    of_mails(&bytes)
}

/// A diff begins with its first file; a mail begins with its headers.
fn is_diff(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = lines.find(|line| !line.is_empty()).unwrap_or_default();
    ["diff ", "--- ", "Index: "].iter().any(|word| first.starts_with(word.as_bytes()))
}

/// Reads mails as git does: it knows their encodings, and how `git am` is told what is no part of a message.
fn of_mails(bytes: &[u8]) -> Result<Change, Failure> {
    let git = Git::default();
    let folder = tempfile::tempdir().map_err(Failure::file("make", &std::env::temp_dir()))?;
    let split = Invocation::reading(folder.path(), "mailsplit").args(["-b", "-o."]).stdin(bytes.to_vec());
    drop(git.run(&split)?);
    let mut change = Change { patch: String::new(), title: None, reason: None };
    for mail in mails(folder.path())? {
        let content = fs::read(&mail).map_err(Failure::file("read", &mail))?;
        let told = git
            .run(&Invocation::reading(folder.path(), "mailinfo").args(["message", "patch"]).stdin(content))?;
        let part = |name: &str| {
            fs::read(folder.path().join(name)).map_err(Failure::file("read", &folder.path().join(name)))
        };
        let patch = text(part("patch")?)?;
        change
            .patch
            .push_str(patch.find("diff --git ").or_else(|| patch.find("--- ")).map_or("", |at| &patch[at..]));
        if change.title.is_none() {
            let reason = String::from_utf8_lossy(&part("message")?).trim().to_owned();
            change.title =
                told.text().lines().find_map(|line| line.strip_prefix("Subject: ")).map(str::to_owned);
            change.reason = Some(reason).filter(|reason| !reason.is_empty());
        }
    }
    if change.patch.is_empty() {
        return Err(Failure::invalid("there is no diff in it")
            .hint("`git diff` and `git format-patch --stdout` write one"));
    }
    Ok(change)
}

/// Lists the mails that were split off, in their order.
fn mails(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = || Failure::file("read", folder);
    let mut mails = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed())? {
        mails.push(entry.map_err(failed())?.path());
    }
    mails.sort();
    Ok(mails)
}

fn text(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| {
        Failure::invalid("it is no UTF-8 text, and a patch cannot carry that")
            .hint("push the commit to `refs/for/main` in its place")
    })
}

/// The repository that is proposed from; it is only read.
struct Repository<'a> {
    git: Git,
    folder: &'a Path,
}

impl Repository<'_> {
    fn read(&self, command: &str, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
        let invocation = Invocation::reading(self.folder, command).args(arguments.iter().copied());
        Ok(self.git.run(&invocation)?.stdout)
    }

    /// Returns the commit that a name means, or `None` where it means none.
    fn commit(&self, name: &str) -> Result<Option<String>, Failure> {
        let question = Invocation::reading(self.folder, "rev-parse")
            .args(["--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")])
            .accept_status(1);
        match self.git.run(&question) {
            Ok(answer) => Ok(Some(answer.text()).filter(|id| !id.is_empty())),
            Err(Error::Git { code: GitCode::RefGone, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Says why there is nothing to propose.
    fn nothing(&self, head: &str) -> Failure {
        let is_dirty = self.read("status", &["--porcelain"]).is_ok_and(|changes| !changes.is_empty());
        let failure = Failure::new(Exit::Conflict, format!("`main` has everything that {head} has"));
        failure.hint(if is_dirty {
            "commit your changes on a branch, then `adjutant proposals new`; or `git diff | adjutant proposals new --patch - --title TEXT`"
        } else {
            "commit a change on a branch, then `adjutant proposals new`"
        })
    }
}

//! Where the truth lives, as `--repo` and `--mode` say.

use std::path::{Path, PathBuf};

use crate::{
    cli::{
        args::{Mode, UpArgs},
        failure::{Exit, Failure},
    },
    daemon::Truth,
};

/// Reads the command line.
///
/// # Errors
/// A mode that does not fit what `--repo` names.
pub(super) fn truth(args: &UpArgs) -> Result<Truth, Failure> {
    let branch = args.branch.clone();
    match (args.repo.as_deref(), args.mode) {
        (None, None | Some(Mode::Push)) => Ok(Truth::Push { seed: None }),
        (None, Some(mode)) => {
            Err(Failure::new(Exit::Usage, format!("mode {} needs a repository", word(mode)))
                .hint("give `--repo DIR`, or `--repo URL` for mode remote"))
        }
        (Some(url), None | Some(Mode::Remote)) if is_url(url) => {
            Ok(Truth::Remote { url: url.to_owned(), branch })
        }
        (Some(url), Some(mode)) if is_url(url) => {
            Err(Failure::new(Exit::Usage, format!("mode {} needs a folder, not \"{url}\"", word(mode)))
                .hint("clone it first, or leave `--mode` out to follow the remote"))
        }
        (Some(folder), Some(Mode::Remote)) => Ok(Truth::Remote { url: folder.to_owned(), branch }),
        (Some(folder), mode) => {
            let folder = existing(Path::new(folder))?;
            Ok(match mode {
                Some(Mode::Commit) => Truth::Commit(folder),
                Some(Mode::Push) => Truth::Push { seed: Some(folder) },
                _ => Truth::Worktree(folder),
            })
        }
    }
}

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Worktree => "worktree",
        Mode::Commit => "commit",
        Mode::Remote => "remote",
        Mode::Push => "push",
    }
}

/// `https://…`, `ssh://…`, `file://…`, or `git@host:path` that is no folder here.
fn is_url(text: &str) -> bool {
    let is_scp = text.split_once(':').is_some_and(|(host, _)| host.contains('@') && !host.contains('/'));
    text.contains("://") || (is_scp && !Path::new(text).exists())
}

/// The folder that is followed must be there now: a typing mistake must not wait for ever.
fn existing(folder: &Path) -> Result<PathBuf, Failure> {
    let folder = std::fs::canonicalize(folder).map_err(Failure::file("find", folder))?;
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(Failure::new(Exit::NotFound, format!("\"{}\" is no folder", folder.display()))
        .hint("`adjutant init DIR` makes a company repository"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(repo: Option<&str>, mode: Option<Mode>) -> UpArgs {
        UpArgs {
            repo: repo.map(str::to_owned),
            mode,
            branch: "main".to_owned(),
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: None,
            once: false,
            log_json: false,
        }
    }

    #[test]
    fn the_default_mode_follows_from_what_is_named() {
        let here = std::fs::canonicalize(".").unwrap();
        assert_eq!(truth(&args(None, None)).unwrap(), Truth::Push { seed: None });
        assert_eq!(truth(&args(Some("."), None)).unwrap(), Truth::Worktree(here.clone()));
        assert_eq!(truth(&args(Some("."), Some(Mode::Push))).unwrap(), Truth::Push { seed: Some(here) });
        for url in ["https://example.com/x.git", "git@example.com:x.git", "file:///srv/x.git"] {
            assert!(matches!(truth(&args(Some(url), None)).unwrap(), Truth::Remote { .. }), "{url}");
        }
    }

    #[test]
    fn a_mode_that_does_not_fit_is_refused() {
        assert_eq!(truth(&args(None, Some(Mode::Worktree))).unwrap_err().exit, Exit::Usage);
        assert_eq!(truth(&args(Some("https://x/y"), Some(Mode::Commit))).unwrap_err().exit, Exit::Usage);
        assert_eq!(truth(&args(Some("/does/not/exist"), None)).unwrap_err().exit, Exit::NotFound);
    }
}

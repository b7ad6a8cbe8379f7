//! Where a connector's folder really is, links followed, and whether it is the connector's own.
//!
//! `check` judges the text of an endpoint ([`adjutant_spec::folders`]); what it leads to is only known here. Nobody's files,
//! ours least of all, are read, written or deleted through a link, a folder above them, or one beside them.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use adjutant_spec::{
    folders::Folder,
    kinds::Role,
    plan::{Connector, Id, Plan},
};

use super::outcome::Fault;

/// What a folder is judged against.
#[derive(Debug, Clone)]
pub(super) struct Folders {
    /// The folder below which relative endpoints lie: `files` of the data folder.
    files: PathBuf,
    /// Places that are ours: the data folder, the repository, the key. What lies below `files` is excepted.
    keep_out: Vec<PathBuf>,
    /// The folders into which mails are dropped, by connector.
    drops: BTreeMap<Id, String>,
}

impl Folders {
    /// Gathers what the folders of a plan are judged against.
    pub(super) fn new(files: &Path, keep_out: &[PathBuf], plan: &Plan) -> Self {
        let drops = plan.connectors.values().filter(|connector| connector.is_for(Role::TakesMails));
        let named = drops.filter_map(|drop| Some((drop.id.clone(), drop.endpoint.clone()?)));
        Self { files: files.to_owned(), keep_out: keep_out.to_owned(), drops: named.collect() }
    }

    /// Returns the real folder of a connector.
    ///
    /// # Errors
    /// A folder that is not the connector's own, with the reason.
    pub(super) fn of(&self, connector: &Connector) -> Result<PathBuf, Fault> {
        self.own(connector).map_err(|why| {
            let (id, written) = (&connector.id, connector.endpoint.as_deref().unwrap_or_default());
            Fault::invalid(format!("the folder \"{written}\" of connector \"{id}\" is not used: {why}"))
        })
    }

    /// As [`Folders::of`], where the folder must be there.
    ///
    /// # Errors
    /// As [`Folders::of`], and a folder that is missing or none.
    pub(super) fn existing(&self, connector: &Connector) -> Result<PathBuf, Fault> {
        let folder = self.of(connector)?;
        let metadata = std::fs::metadata(&folder).map_err(|error| {
            Fault::unavailable(format!("the folder \"{}\" cannot be used: {error}", folder.display()))
        })?;
        if !metadata.is_dir() {
            return Err(Fault::unavailable(format!("\"{}\" is no folder", folder.display())));
        }
        Ok(folder)
    }

    /// As [`Folders::of`], for those who name the folder themselves: the error is the reason alone.
    pub(super) fn own(&self, connector: &Connector) -> Result<PathBuf, String> {
        let folder = self.real(connector.endpoint.as_deref().unwrap_or_default())?;
        if connector.is_for(Role::HoldsFiles) {
            self.meets_a_drop(connector, &folder)?;
        }
        Ok(folder)
    }

    fn real(&self, written: &str) -> Result<PathBuf, String> {
        let named = Folder::read(written).map_err(|problem| problem.to_string())?;
        let told = |error: io::Error| format!("it cannot be found: {error}");
        let files = canonical(&self.files).map_err(told)?;
        let folder =
            canonical(&self.files.join(written.strip_prefix("file://").unwrap_or(written))).map_err(told)?;
        let is_ours_to_give = folder.starts_with(&files) && folder != files;
        if !named.is_absolute && !is_ours_to_give {
            return Err("a link leads out of the files of the data folder".to_owned());
        }
        // A link may lead to where the text itself could not; where the data folder lies is the operator's choice.
        if !is_ours_to_give {
            Folder::read(&folder.to_string_lossy()).map_err(|problem| problem.to_string())?;
        }
        for place in &self.keep_out {
            let place = canonical(place).map_err(told)?;
            let is_inside = folder.starts_with(&place) && !is_ours_to_give;
            if is_inside || place.starts_with(&folder) {
                return Err(format!("\"{}\" is Adjutant's own", place.display()));
            }
        }
        Ok(folder)
    }

    fn meets_a_drop(&self, connector: &Connector, folder: &Path) -> Result<(), String> {
        for (id, endpoint) in self.drops.iter().filter(|(id, _)| **id != connector.id) {
            let Ok(theirs) = self.real(endpoint) else { continue };
            if theirs.starts_with(folder) || folder.starts_with(&theirs) {
                return Err(format!("mails of connector \"{id}\" come in there"));
            }
        }
        Ok(())
    }
}

/// Returns a path with every link followed, as far as it exists; what does not exist yet leads nowhere else.
fn canonical(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut rest = Vec::new();
    let mut here = path.as_path();
    loop {
        match here.canonicalize() {
            Ok(real) => return Ok(rest.iter().rev().fold(real, |path, name| path.join(name))),
            // A link to nowhere is no folder that can be made.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !here.is_symlink() => {}
            Err(error) => return Err(error),
        }
        let (Some(parent), Some(name)) = (here.parent(), here.file_name()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        rest.push(name.to_owned());
        here = parent;
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::effects::tests::plans;

    struct Ground {
        root: tempfile::TempDir,
        keep_out: Vec<PathBuf>,
        plan: Plan,
    }

    impl Ground {
        fn new(drop: &str) -> Self {
            let root = tempfile::tempdir().unwrap();
            for folder in ["data/files", "data/store", "repo/.git", "config", "srv"] {
                fs::create_dir_all(root.path().join(folder)).unwrap();
            }
            let keep_out = ["data", "repo", "config/key.txt"].map(|place| root.path().join(place)).to_vec();
            let plan = plans::plan([plans::connector("intake", "mail_drop", drop)]);
            Self { root, keep_out, plan }
        }

        fn at(&self, place: &str) -> String {
            self.root.path().join(place).display().to_string()
        }

        fn of(&self, kind: &str, endpoint: &str) -> Result<PathBuf, String> {
            let files = self.root.path().join("data/files");
            let folders = Folders::new(&files, &self.keep_out, &self.plan);
            let connector = plans::connector("out", kind, endpoint);
            folders.of(&connector).map_err(|fault| fault.message().to_owned())
        }
    }

    #[test]
    fn a_folder_of_its_own_is_used_where_it_really_is() {
        let ground = Ground::new("intake");
        let files = ground.root.path().canonicalize().unwrap();
        assert_eq!(ground.of("files", "out"), Ok(files.join("data/files/out")));
        assert_eq!(ground.of("files", "out/quotes"), Ok(files.join("data/files/out/quotes")));
        assert_eq!(ground.of("files", &ground.at("srv/out")), Ok(files.join("srv/out")));
        assert_eq!(ground.of("files", &ground.at("data/files/out")), Ok(files.join("data/files/out")));
        symlink(ground.at("srv"), ground.at("link")).unwrap();
        assert_eq!(ground.of("files", &ground.at("link/out")), Ok(files.join("srv/out")));
    }

    #[test]
    fn nothing_of_ours_is_a_connectors_folder_nor_lies_in_one() {
        let ground = Ground::new("intake");
        symlink(ground.at("data/store"), ground.at("data/files/inside")).unwrap();
        symlink("/etc", ground.at("data/files/system")).unwrap();
        symlink(ground.at("nowhere"), ground.at("data/files/dangling")).unwrap();
        symlink(ground.at("srv"), ground.at("data/files/outside")).unwrap();
        symlink(ground.at("repo"), ground.at("srv/repo")).unwrap();
        symlink("/", ground.at("srv/all")).unwrap();
        let wrong = [
            "inside".to_owned(),
            "system".to_owned(),
            "dangling/x".to_owned(),
            "outside".to_owned(),
            "../store".to_owned(),
            "/".to_owned(),
            ".".to_owned(),
            ground.at("data"),
            ground.at("data/store"),
            ground.at("data/files"),
            ground.at("repo/records"),
            ground.at("srv/repo/x"),
            ground.at("srv/all"),
            ground.at("config"),
            ground.at(""),
            ground.root.path().parent().unwrap().display().to_string(),
        ];
        for endpoint in wrong {
            for kind in ["files", "mail_drop"] {
                assert!(
                    ground.of(kind, &endpoint).is_err(),
                    "{kind} {endpoint}: {:?}",
                    ground.of(kind, &endpoint)
                );
            }
        }
    }

    #[test]
    fn what_comes_in_and_what_goes_out_have_two_folders() {
        for (drop, files) in [("in", "in"), ("in", "in/new"), ("mails/in", "mails")] {
            assert!(Ground::new(drop).of("files", files).is_err(), "{drop} {files}");
        }
        let ground = Ground::new("in");
        fs::create_dir_all(ground.at("data/files/in")).unwrap();
        symlink(ground.at("data/files/in"), ground.at("data/files/other")).unwrap();
        assert!(ground.of("files", "other").is_err());
        assert!(ground.of("files", "out").is_ok());
    }
}

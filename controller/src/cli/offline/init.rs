//! `init` and `new`: files that pass `check`, and never in place of others.

use std::{fs, io::Write as _, path::Path};

use adjutant_spec::{files::FileSet, scaffold};
use include_dir::{Dir, include_dir};

use crate::{
    cli::{
        args::{InitArgs, NewArgs},
        failure::{Exit, Failure, Outcome},
        out::{Out, Words, words},
    },
    effects::secrets::{self, Keys},
};

/// The example companies; they travel in the binary.
static EXAMPLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../examples");

/// Makes a company repository and, where there is none, a key.
pub(crate) fn init(out: &Out, args: &InitArgs) -> Outcome {
    let files = match &args.example {
        Some(name) => example(name)?,
        None => scaffold::init(&company_name(&args.dir)),
    };
    write_files(&args.dir, &files)?;
    let keys = Keys::locate()?;
    let key = match keys.generate_key() {
        Ok(_) => format!("a new key for secrets is in {}: keep a copy elsewhere", keys.path().display()),
        Err(secrets::Error::KeyExists(path)) => format!("your key in {} opens its secrets", path.display()),
        Err(error) => return Err(error.into()),
    };
    for (path, _) in files.iter() {
        out.data(words!("{}", path))?;
    }
    out.say(words!(
        "\n{} files are in {}; {}.\n\n{}",
        files.len(),
        args.dir.display(),
        key,
        next_steps(args)
    ));
    Ok(Exit::Done)
}

fn next_steps(args: &InitArgs) -> Words {
    let start = match args.example.as_deref() {
        Some(example) if example != "hello" => {
            "adjutant connectors               # what still needs an address or a secret of yours"
        }
        _ => "adjutant run hello --input '{\"name\":\"Ada\"}'",
    };
    words!(
        "next:\n  cd {}\n  git init && git add . && git commit -m begin\n  adjutant check\n  adjutant test                     # what must happen, played without a world\n  adjutant up --repo .              # leave it running\n  {}\n",
        args.dir.display(),
        start
    )
}

/// Returns the files of an example company.
pub(crate) fn example(name: &str) -> Result<FileSet, Failure> {
    let folder = EXAMPLES.get_dir(name).ok_or_else(|| {
        let names: Vec<String> = EXAMPLES.dirs().map(|dir| dir.path().display().to_string()).collect();
        Failure::new(Exit::NotFound, format!("there is no example \"{name}\""))
            .hint(format!("examples are: {}", names.join(", ")))
    })?;
    let mut files = FileSet::new();
    collect(folder, folder.path(), &mut files);
    Ok(files)
}

fn collect(folder: &Dir<'static>, root: &Path, files: &mut FileSet) {
    for file in folder.files() {
        let path = file.path().strip_prefix(root).unwrap_or(file.path());
        files.insert(path.to_string_lossy(), file.contents());
    }
    folder.dirs().for_each(|inner| collect(inner, root, files));
}

/// The folder's name, as a company's: `north-pier` becomes `North Pier`.
fn company_name(folder: &Path) -> String {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let stem = absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let words = stem.split(['-', '_', ' ', '.']).filter(|word| !word.is_empty());
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    let name = words.filter_map(capital).collect::<Vec<_>>().join(" ");
    if name.is_empty() { "My Company".to_owned() } else { name }
}

/// Makes a new object in a company repository.
pub(crate) fn new(out: &Out, args: &NewArgs) -> Outcome {
    if !args.dir.join("adjutant.toml").is_file() {
        let message = format!("there is no `adjutant.toml` in \"{}\"", args.dir.display());
        return Err(
            Failure::new(Exit::NotFound, message).hint("`adjutant init DIR` makes a company repository")
        );
    }
    let files =
        scaffold::new_object(&args.kind, &args.id).map_err(|error| Failure::invalid(error.to_string()))?;
    write_files(&args.dir, &files)?;
    for (path, _) in files.iter() {
        out.data(words!("{}", path))?;
    }
    out.say("next: fill it in, then `adjutant check`");
    Ok(Exit::Done)
}

/// Writes files into a folder; none of them may be there already.
pub(crate) fn write_files(folder: &Path, files: &FileSet) -> Result<(), Failure> {
    let taken: Vec<String> = files
        .iter()
        .map(|(path, _)| path)
        .filter(|path| folder.join(path).exists())
        .map(str::to_owned)
        .collect();
    if !taken.is_empty() {
        let message = format!("{} in \"{}\" already: nothing was written", there(&taken), folder.display());
        return Err(
            Failure::new(Exit::Conflict, message).hint("give another folder or id, or move them away")
        );
    }
    for (path, bytes) in files.iter() {
        write_new(&folder.join(path), bytes)?;
    }
    Ok(())
}

fn there(taken: &[String]) -> String {
    let names = taken.iter().take(3).map(|path| format!("\"{path}\"")).collect::<Vec<_>>().join(", ");
    match taken.len() {
        1 => format!("{names} is"),
        2 | 3 => format!("{names} are"),
        more => format!("{names} and {} more are", more - 3),
    }
}

/// Writes a file that is not there yet.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Failure::file("make", parent))?;
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(Failure::file("write", path))?;
    file.write_all(bytes).map_err(Failure::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_company_is_named_after_its_folder() {
        assert_eq!(company_name(Path::new("/x/north-pier")), "North Pier");
        assert_eq!(company_name(Path::new("/")), "My Company");
    }

    #[test]
    fn every_example_in_the_binary_checks_clean() {
        for folder in EXAMPLES.dirs() {
            let files = example(&folder.path().to_string_lossy()).expect("it is in the binary");
            assert!(!adjutant_spec::load(&files).report.has_errors(), "{}", folder.path().display());
        }
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_is_half_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = FileSet::new();
        files.insert("a.toml", b"new".as_slice());
        files.insert("b.toml", b"new".as_slice());
        fs::write(folder.path().join("b.toml"), "mine").unwrap();
        let refused = write_files(folder.path(), &files).expect_err("b.toml is there");
        assert_eq!(refused.exit, Exit::Conflict);
        assert!(!folder.path().join("a.toml").exists());
        assert_eq!(fs::read_to_string(folder.path().join("b.toml")).unwrap(), "mine");
    }
}

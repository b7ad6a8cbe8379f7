//! The example agency, pointed at the doubles.

use adjutant_doubles::{Addresses, BILLING_TOKEN, MODEL_TOKEN};
use adjutant_spec::files::FileSet;

use crate::{
    cli::{
        failure::{Exit, Failure},
        offline,
    },
    effects::secrets::{Keys, Sealed},
};

/// What signs the webhooks of the demo's website.
pub(super) const WEBSITE_SECRET: &str = "double-website-key";

/// What would sign the webhooks of the demo's billing service, which sends none.
const PAYMENTS_SECRET: &str = "double-payments-key";

/// The addresses that the example has, which are the defaults of nobody.
const MAIL: &str = "smtp://127.0.0.1:9401";
const BILLING: &str = "http://127.0.0.1:9402";
const MODEL: &str = "http://127.0.0.1:9403/v1";

/// Returns the files of the company: the example with the doubles' addresses, and their secrets sealed.
///
/// # Errors
/// An example that is no longer what the demo knows.
pub(super) fn files(doubles: &Addresses, keys: &Keys, has_model: bool) -> Result<FileSet, Failure> {
    let mut files = offline::example("agency")?;
    point(&mut files, "connectors/mail.toml", (MAIL, &format!("smtp://{}", doubles.smtp)))?;
    point(&mut files, "connectors/billing.toml", (BILLING, &doubles.billing))?;
    let mut secrets =
        vec![("website", WEBSITE_SECRET), ("billing", BILLING_TOKEN), ("payments", PAYMENTS_SECRET)];
    if has_model {
        point(&mut files, "connectors/llm.toml", (MODEL, &doubles.model))?;
        secrets.push(("llm", MODEL_TOKEN));
    } else {
        // No endpoint at all: the agent's fallback asks the operator with the form of its contract.
        files.remove("connectors/llm.toml");
        point(&mut files, "agents/qualifier.toml", ("connector = \"llm\"\n", ""))?;
    }
    for (name, value) in secrets {
        let Sealed { path, bytes: sealed } = keys.encrypt(name, value)?;
        files.insert(path, sealed);
    }
    Ok(files)
}

fn point(files: &mut FileSet, path: &str, (from, to): (&str, &str)) -> Result<(), Failure> {
    let text = files.get(path).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    if !text.contains(from) {
        return Err(Failure::new(
            Exit::Bug,
            format!("`{from}` is no longer in \"{path}\" of the example agency"),
        ));
    }
    let pointed = text.replace(from, to).into_bytes();
    files.insert(path, pointed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_company_checks_clean_with_and_without_a_model() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::at(folder.path().join("key.txt"));
        keys.generate_key().unwrap();
        let doubles = Addresses {
            smtp: "127.0.0.1:1".parse().unwrap(),
            billing: "http://127.0.0.1:2".to_owned(),
            model: "http://127.0.0.1:3/v1".to_owned(),
            control: "http://127.0.0.1:4".to_owned(),
        };
        for has_model in [true, false] {
            let report = adjutant_spec::load(&files(&doubles, &keys, has_model).unwrap()).report;
            assert!(report.is_empty(), "{}", report.render());
        }
    }
}

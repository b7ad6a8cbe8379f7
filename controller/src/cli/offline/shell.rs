//! `completions`, `man`, `service`: what shells, manuals and systemd want.

use std::path::{Path, PathBuf};

use clap_mangen::Man;

use crate::cli::{
    args,
    failure::{Failure, Outcome},
    out::{Out, Words, words},
};

/// Prints the completions of a shell.
pub(crate) fn completions(out: &Out, shell: clap_complete::Shell) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut args::visible_command(), "adjutant", &mut text);
    out.generated(&text)
}

/// Prints the manual page, or writes one for each command into a folder.
pub(crate) fn man(out: &Out, folder: Option<&Path>) -> Outcome {
    let Some(folder) = folder else {
        let mut text = Vec::new();
        let page = Man::new(args::visible_command());
        page.render(&mut text).map_err(Failure::file("write", Path::new("stdout")))?;
        return out.generated(&text);
    };
    std::fs::create_dir_all(folder).map_err(Failure::file("make", folder))?;
    clap_mangen::generate_to(args::visible_command(), folder).map_err(Failure::file("write in", folder))?;
    out.data(words!("{}", folder.join("adjutant.1").display()))
}

/// Prints a systemd unit for `up`.
pub(crate) fn service(out: &Out, repo: &Path, data: &Path) -> Outcome {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let binary = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("adjutant"));
    out.data(Words::document(&unit(&binary, &absolute(repo), &absolute(data))))?;
    out.say(
        "next:\n  adjutant service > ~/.config/systemd/user/adjutant.service\n  systemctl --user daemon-reload\n  systemctl --user enable --now adjutant\n  loginctl enable-linger                # so that it runs while you are logged out",
    );
    Ok(crate::cli::failure::Exit::Done)
}

fn unit(binary: &Path, repo: &Path, data: &Path) -> String {
    let quote = |path: &Path| {
        let text = path.display().to_string().replace('%', "%%").replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{text}\"")
    };
    format!(
        "[Unit]
Description=Adjutant, the operating layer for a company of one
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={} up --repo {} --data {}
# 74 is a disk that refuses and 65 a damaged or newer store: a restart would not help.
Restart=on-failure
RestartSec=2
RestartPreventExitStatus=65 74
KillSignal=SIGTERM
TimeoutStopSec=30
NoNewPrivileges=yes
LimitNOFILE=65536

[Install]
WantedBy=default.target
",
        quote(binary),
        quote(repo),
        quote(data)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_unit_are_quoted() {
        let text = unit(Path::new("/usr/bin/adjutant"), Path::new("/home/a b/100%"), Path::new("/d"));
        assert!(
            text.contains("ExecStart=\"/usr/bin/adjutant\" up --repo \"/home/a b/100%%\" --data \"/d\"\n")
        );
    }
}

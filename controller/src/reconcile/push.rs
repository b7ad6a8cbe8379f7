//! What a push is told before it is taken: the mistakes, or the plan.

use std::sync::Arc;

use adjutant_spec::{Loaded, load};
use serde_json::{Value, json};

use super::{
    Error, Mode, Reconciler, Repository, board::Board, control::short, course::What, plays::Refused,
    store::blocking,
};

/// The answer to a push.
#[derive(Debug, Clone, PartialEq)]
pub struct Admission {
    /// Whether the push is taken.
    pub ok: bool,
    /// What the pusher reads in the terminal.
    pub text: String,
    /// The plan, for programs.
    pub plan: Value,
}

impl Admission {
    fn refused(text: impl Into<String>) -> Self {
        Self { ok: false, text: text.into(), plan: Value::Null }
    }
}

impl Reconciler {
    /// Judges a push to `main` while it is in quarantine; `repository` reads it there.
    ///
    /// # Errors
    /// [`Error::Repository`] if it cannot be read.
    pub async fn admit(
        &self,
        commit: &str,
        options: &[String],
        repository: Arc<dyn Repository>,
    ) -> Result<Admission, Error> {
        if self.inner.settings.mode != Mode::Push {
            return Ok(Admission::refused(self.elsewhere()));
        }
        let wanted = commit.to_owned();
        let pushed = blocking(move || Ok(repository.commit(&wanted)?)).await?;
        let base = self.inner.board.lock().await.in_force.clone();
        let judged = self.judge(&base, pushed.files).await?;
        if let Some(refused) = self.play(judged.loaded.clone()).await? {
            return Ok(refused);
        }
        let answer = self.answer(&base, commit, &judged).await?;
        let plan_json = json!(answer.view());
        let Some(plan) = answer.plan.filter(|_| answer.ok) else {
            return Ok(Admission { plan: plan_json, ..Admission::refused(answer.text) });
        };
        let mut text = answer.text;
        let mut board = self.inner.board.lock().await;
        if let Some(confirm) = &plan.confirm {
            let given = options.iter().find_map(|option| option.strip_prefix("confirm="));
            if given != Some(confirm.token.as_str()) {
                let again =
                    format!("push again with `git push -o confirm={}` if you mean it\n", confirm.token);
                return Ok(Admission { plan: plan_json, ..Admission::refused(text + &again) });
            }
            self.confirm(&mut board, &plan.id).await?;
        }
        text.push_str(&match &board.course.state.hold {
            None => format!("{} goes live now\n", short(commit)),
            Some(hold) => {
                format!("held by {}: {}; it goes live with `adjutant hold --release`\n", hold.by, hold.reason)
            }
        });
        Ok(Admission { ok: true, text, plan: plan_json })
    }

    /// Judges a push to `refs/for/main` while it is in quarantine: the merge result, never the branch.
    ///
    /// # Errors
    /// [`Error::Repository`] if it cannot be read.
    pub async fn admit_proposal(
        &self,
        commit: &str,
        repository: Arc<dyn Repository>,
    ) -> Result<Admission, Error> {
        // Nothing of this needs the board: a stranger's tree keeps nobody else waiting.
        let look = self.look(repository, commit).await?;
        let Some(judged) = &look.judged else {
            let files = look.merge.conflicts.join(", ");
            return Ok(Admission::refused(format!(
                "it is in conflict with `main` in {files}; rebase it and push again\n"
            )));
        };
        // Its look is kept for as long as the proposal is open, and not with everything that was read for it.
        let files = Arc::clone(&judged.files);
        let loaded = blocking(move || Ok(load(&files))).await?;
        if let Some(refused) = self.play(Some(loaded)).await? {
            return Ok(refused);
        }
        let base = self.inner.board.lock().await.in_force.clone();
        let answer = self.answer(&base, commit, judged).await?;
        Ok(Admission { ok: answer.ok, plan: json!(answer.view()), text: answer.text })
    }

    /// Plays the scenarios of what is pushed; returns the refusal where one does not hold.
    async fn play(&self, loaded: Option<Loaded>) -> Result<Option<Admission>, Error> {
        let Some(loaded) = loaded else { return Ok(None) };
        let plays = Arc::clone(&self.inner.plays);
        let refused = blocking(move || Ok(plays.refusal(&loaded))).await?;
        Ok(refused.map(|Refused { text, plan }| Admission { ok: false, text, plan }))
    }

    /// Remembers that the operator confirmed a plan.
    pub(super) async fn confirm(&self, board: &mut Board, plan: &str) -> Result<(), Error> {
        if board.course.state.confirmed.iter().any(|known| known == plan) {
            return Ok(());
        }
        let mut draft = self.draft(board, "operator");
        draft.note(What::Confirmed(plan.to_owned()))?;
        self.commit(board, draft).await
    }

    /// Says where the truth lives.
    fn elsewhere(&self) -> String {
        let settings = &self.inner.settings;
        let how = match settings.mode {
            Mode::Worktree => "save the change there",
            Mode::Commit => "commit the change there",
            Mode::Remote => "push the change there",
            Mode::Push => "push the change here",
        };
        format!(
            "`main` only mirrors {} (mode {}): {how}, or propose it with `git push ... HEAD:refs/for/main`\n",
            settings.place,
            settings.mode.word(),
        )
    }
}

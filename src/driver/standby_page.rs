//! The page on which a tab stands by.

/// What a tab loads before it is anybody's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StandbyPage {
    /// Its URL.
    pub url: String,
    /// It is a boxel host app's: whatever answers is waited for until the budget ends, 502 and 503 alone excepted.
    pub is_host_app: bool,
    /// The origin that has to answer, where that matters and there is one.
    pub origin: Option<String>,
    /// What has to be in it before it stands by, as a CSS selector. Without one, a document that was parsed does.
    pub ready_selector: Option<String>,
    /// What has to be true in it besides, as the source of a function that is asked until it gives or resolves with a
    /// truthy value.
    pub ready_function: Option<String>,
    /// Sources of scripts that run in each document of the tab, before those of the document.
    pub init_scripts: Vec<String>,
}

impl StandbyPage {
    /// What a boxel host app has in `/_standby` once it stands by.
    pub const HOST_APP_READY: &str = "#standby-ready";
    /// Tells a boxel host app that it is rendered by a server.
    pub const HOST_APP_MARK: &str =
        "globalThis.__boxelDuringPrerender = true; globalThis.__boxelRenderContext = true;";

    /// `/_standby` of the boxel host app at this origin.
    #[must_use]
    pub fn of_host_app(origin: &str) -> Self {
        Self {
            url: format!("{}/_standby", origin.trim_end_matches('/')),
            is_host_app: true,
            origin: None,
            ready_selector: Some(Self::HOST_APP_READY.to_owned()),
            ready_function: None,
            init_scripts: vec![Self::HOST_APP_MARK.to_owned()],
        }
    }

    /// The browser makes the document itself: nothing is requested for it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.url.starts_with("about:")
    }
}

//! How callers name services.

use crate::board::Id;
use crate::core::Core;
use crate::error::Error;
use crate::graph::declaration::Declared;
use crate::graph::{Edge, Target};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// Selects services: by a name, by a type as [`by_type`]`::<Health>()`, or by several of either.
///
/// ```
/// # use rxd::{Action, Context, State};
/// # fn f(cx: &Context, names: Vec<String>) -> rxd::Result {
/// let db = cx.watch_any(Action::Entering, State::Run, "db")?;
/// let both = cx.watch_all(Action::Entering, State::Run, ["db", "cache"])?;
/// let some = cx.watch_any(Action::Exited, State::Run, &names)?;
/// # Ok(())
/// # }
/// ```
///
/// The name of a family, and its type, select the members that it has when the selection is used. A
/// declared watch on a family follows its members as they come and go; one that is made from a
/// selection does not.
///
/// A name that is given twice counts once. An empty selection is an error where it is used.
pub trait ServiceSelector {
    /// Calls `each` with every name or type.
    fn each(&self, each: &mut dyn FnMut(Target<'_>));
}

impl ServiceSelector for str {
    fn each(&self, each: &mut dyn FnMut(Target<'_>)) {
        each(Target::name(self));
    }
}

impl ServiceSelector for String {
    fn each(&self, each: &mut dyn FnMut(Target<'_>)) {
        each(Target::name(self));
    }
}

impl ServiceSelector for Cow<'_, str> {
    fn each(&self, each: &mut dyn FnMut(Target<'_>)) {
        each(Target::name(self));
    }
}

impl<N: ServiceSelector> ServiceSelector for [N] {
    fn each(&self, each: &mut dyn FnMut(Target<'_>)) {
        self.iter().for_each(|name| name.each(each));
    }
}

impl<N: ServiceSelector, const K: usize> ServiceSelector for [N; K] {
    fn each(&self, each: &mut dyn FnMut(Target<'_>)) {
        self.as_slice().each(each);
    }
}

impl<N: ServiceSelector> ServiceSelector for Vec<N> {
    fn each(&self, each: &mut dyn FnMut(Target<'_>)) {
        self.as_slice().each(each);
    }
}

impl<N: ServiceSelector + ?Sized> ServiceSelector for &N {
    fn each(&self, each: &mut dyn FnMut(Target<'_>)) {
        (**self).each(each);
    }
}

impl<A: ServiceSelector, B: ServiceSelector> ServiceSelector for (A, B) {
    fn each(&self, each: &mut dyn FnMut(Target<'_>)) {
        self.0.each(each);
        self.1.each(each);
    }
}

/// Selects the services of a type, wherever a name can be given: all of them, where one type runs
/// several times.
///
/// ```
/// # use rxd::{Action, Context, State};
/// # fn f<Health: rxd::Declared>(cx: &Context) -> rxd::Result {
/// let healthy = cx.watch_any(Action::Entering, State::Run, rxd::by_type::<Health>())?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn by_type<S: Declared>() -> ByType<S> {
    ByType(PhantomData)
}

/// See [`by_type`].
pub struct ByType<S>(PhantomData<fn() -> S>);

impl<S: Declared> ServiceSelector for ByType<S> {
    fn each(&self, each: &mut dyn FnMut(Target<'_>)) {
        each(Target::of_type(S::SERVICE_TYPE));
    }
}

impl<S: Declared> fmt::Debug for ByType<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by_type::<{}>()", S::SERVICE_TYPE.text)
    }
}

impl<S> Clone for ByType<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for ByType<S> {}

/// The indices of the selected services, each once, in the order in which they were named.
pub(super) fn select(core: &Core, names: &impl ServiceSelector) -> Result<Box<[Id]>, Error> {
    let mut select = SelectedServices::new(core);
    let mut unknown = None;
    names.each(&mut |target| {
        if !select.add(&target) && unknown.is_none() {
            unknown = Some(unknown_target(core, &target));
        }
    });
    match unknown {
        Some(error) => Err(error),
        None if select.list.is_empty() => Err(match select.family {
            Some(name) => Error::msg(format_args!("failed to watch: family `{name}` has no members")),
            None => Error::msg("failed to watch: no service is named"),
        }),
        None => Ok(select.list.into()),
    }
}

/// The indices of a declared watch's targets. A service that is switched off has none.
pub(super) fn select_edge(core: &Core, edge: &Edge<'_>) -> Box<[Id]> {
    let mut select = SelectedServices::new(core);
    for target in edge.targets {
        select.add(target);
    }
    select.list.into()
}

struct SelectedServices<'a> {
    core: &'a Core,
    list: Vec<Id>,
    /// Which services are in the list; made once the list is too long to be searched.
    seen: Vec<bool>,
    /// The last family of which the members were selected.
    family: Option<&'a str>,
}

impl<'a> SelectedServices<'a> {
    fn new(core: &'a Core) -> Self {
        SelectedServices { core, list: Vec::new(), seen: Vec::new(), family: None }
    }

    /// Adds the services of a target. Returns whether there are any.
    fn add(&mut self, target: &Target<'_>) -> bool {
        let mut any = false;
        for id in self.core.find(target.lookup_hash()) {
            if target.by_type || *self.core.name(id) == target.text {
                any = true;
                match self.core.families.of(id) {
                    Some(family) => {
                        self.family = Some(&family.name);
                        self.core.members(id).into_iter().for_each(|id| self.add_id(id));
                    }
                    None => self.add_id(id),
                }
            }
        }
        any
    }

    fn add_id(&mut self, id: Id) {
        if self.list.len() == 16 && self.seen.is_empty() {
            self.seen = vec![false; self.core.board.slots()];
            self.list.iter().for_each(|&id| self.seen[self.core.board.place(id)] = true);
        }
        // One that was added since is not in the table.
        let new = match self.seen.get_mut(self.core.board.place(id)) {
            Some(seen) => !std::mem::replace(seen, true),
            None => !self.list.contains(&id),
        };
        if new {
            self.list.push(id);
        }
    }
}

fn unknown_target(core: &Core, target: &Target<'_>) -> Error {
    if target.by_type {
        Error::msg(format_args!("daemon `{}` has no service of type `{}`", core.daemon, target.text))
    } else {
        unknown_service(core, target.text)
    }
}

/// The error about a name that no service has.
pub(crate) fn unknown_service(core: &Core, name: &str) -> Error {
    if let Some(family) = core.families.find(name) {
        let first = core.families.all()[family].member_name(0);
        return Error::msg(format_args!(
            "`{name}` is a family of daemon `{}`, not a service\nhelp: name one of its members, such as `{first}`",
            core.daemon
        ));
    }
    Error::msg(crate::graph::unknown_service(&core.daemon, name, core.all_names().iter().map(|name| &**name)))
}

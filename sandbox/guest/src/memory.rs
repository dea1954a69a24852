//! Where memory comes from: pages that exist already, then new ones, up to a limit that the host sets.
//!
//! A host may run an instance on a memory that an earlier one has grown (and that was zeroed since). The standard library's
//! allocator only ever asks for new pages, and such a memory may have none left to give.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr,
};

use dlmalloc::{Allocator, Dlmalloc};

use crate::report;

const PAGE: usize = 65_536;

/// A value that one thread uses: the module has no other.
pub(crate) struct Single<T>(UnsafeCell<T>);

// SAFETY: WebAssembly without the threads proposal has one thread.
unsafe impl<T> Sync for Single<T> {}

impl<T> Single<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// The value. Callers keep no two of these at a time: each is used within one exported function, which none re-enters.
    #[expect(
        clippy::mut_from_ref,
        reason = "there is one thread, and no exported function is called from within another"
    )]
    pub(crate) fn get(&self) -> &mut T {
        // SAFETY: one thread, and no two references are alive at once (see above).
        unsafe { &mut *self.0.get() }
    }
}

/// What has been handed out so far, and how far that may go.
struct Bounds {
    /// The end of the pages handed out; zero before the first.
    end: usize,
    /// The most there may be, in bytes.
    limit: usize,
}

static BOUNDS: Single<Bounds> = Single::new(Bounds { end: 0, limit: usize::MAX });

unsafe extern "C" {
    /// The linker's: where static data and the stack end.
    static __heap_base: u8;
}

/// Sets the most memory there may be, in bytes, the interpreter's own included.
pub(crate) fn set_limit(bytes: usize) {
    BOUNDS.get().limit = bytes;
}

/// How much memory is in use, in bytes: static data, stack and all pages handed out.
pub(crate) fn used() -> usize {
    BOUNDS.get().end
}

struct Pages;

// SAFETY: regions are handed out once, lie within the memory, and are never taken back.
unsafe impl Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let none = (ptr::null_mut(), 0, 0);
        let bounds = BOUNDS.get();
        if bounds.end == 0 {
            bounds.end = (&raw const __heap_base as usize).next_multiple_of(PAGE);
        }
        let Some(size) = size.checked_next_multiple_of(PAGE) else { return none };
        let Some(end) = bounds.end.checked_add(size) else { return none };
        if end > bounds.limit || !exists(end) {
            return none;
        }
        let start = std::mem::replace(&mut bounds.end, end);
        (start as *mut u8, size, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    /// New pages are zero, and a host zeroes a memory before it is used again.
    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

/// Whether the memory reaches to `end`, or now does.
fn exists(end: usize) -> bool {
    let pages = core::arch::wasm32::memory_size(0);
    let wanted = end.div_ceil(PAGE);
    wanted <= pages || core::arch::wasm32::memory_grow(0, wanted - pages) != usize::MAX
}

struct Heap(Single<Dlmalloc<Pages>>);

#[global_allocator]
static HEAP: Heap = Heap(Single::new(Dlmalloc::new_with_allocator(Pages)));

// SAFETY: dlmalloc keeps the contract of `GlobalAlloc`; there is one thread.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the layout's size is not zero, as the caller promises.
        noted(unsafe { self.0.get().malloc(layout.size(), layout.align()) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        noted(unsafe { self.0.get().calloc(layout.size(), layout.align()) })
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: `at` came from here with this layout, as the caller promises.
        unsafe { self.0.get().free(at, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        noted(unsafe { self.0.get().realloc(at, layout.size(), layout.align(), size) })
    }
}

/// Says in the report that memory ran out, for a host that finds the instance trapped.
fn noted(at: *mut u8) -> *mut u8 {
    if at.is_null() {
        report::memory_ran_out();
    }
    at
}

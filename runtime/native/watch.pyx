# distutils: language = c++
"""What watches a version in the data plane: profiles of its tensors, and a journal.

A Watch belongs to the I/O thread from `exchange_watch` until `take_watched` returns it; in
between nothing of it may be read.
"""

cimport cython
from libcpp.memory cimport shared_ptr, unique_ptr
from libcpp.string cimport string
from libcpp.utility cimport move
from libcpp.vector cimport vector

from runtime.native.profiling cimport CTensorProfile, Kind
from runtime.native.served cimport Served
from runtime.native.server cimport Server
from runtime.native.stats cimport TensorProfile
from runtime.native.watch cimport (
    CWatch,
    JournalOptions,
    Watched,
    WatchedServer,
    WatchedTensor,
)

from runtime.native.stats import KINDS

cdef double WHOLE = 9007199254740992.0  # 2^53, the hashes that there are.


@cython.final
cdef class Watch:
    """Empty profiles of tensors, and which answers are kept one by one."""

    def __init__(self, tensors, journal):
        cdef vector[WatchedTensor] watched
        cdef JournalOptions options
        cdef TensorProfile profile
        watched.resize(len(tensors))
        for place, tensor in enumerate(tensors):
            watched[place].is_output = tensor.is_output
            watched[place].index = tensor.index
            watched[place].kind = <Kind><unsigned char>KINDS.index(tensor.kind)
            watched[place].is_summary = tensor.is_summary
            profile = tensor.profile
            watched[place].profile = profile.idle().Fresh()
        options.below = <unsigned long long>(journal.share * WHOLE)
        options.outputs = journal.outputs
        options.inputs = journal.inputs
        self._watch.reset(new CWatch(move(watched), move(options)))

    @staticmethod
    cdef Watch adopt(shared_ptr[CWatch] watch):
        cdef Watch adopted = Watch.__new__(Watch)
        adopted._watch = move(watch)
        return adopted

    def take(self):
        """Return the profiles, and for each the rows of another length; only once."""
        cdef unique_ptr[CTensorProfile] profile
        cdef list taken = []
        for place in range(self._watch.get().tensors().size()):
            profile = move(self._watch.get().tensors()[place].profile)
            if profile.get() == NULL:
                raise ValueError("the profiles of this watch were taken already")
            taken.append((TensorProfile.adopt(move(profile)),
                          self._watch.get().tensors()[place].other_length))
        return taken

    @property
    def rows(self):
        return self._watch.get().rows()

    @property
    def kept(self):
        return self._watch.get().kept()

    @property
    def journal(self):
        cdef string journal = self._watch.get().journal()
        return <bytes>journal

    @property
    def without_id(self):
        return self._watch.get().without_id()

    @property
    def unsampled(self):
        return self._watch.get().unsampled()

    @property
    def dropped(self):
        return self._watch.get().dropped()


def exchange_watch(Server server not None, Served served not None, Watch watch):
    cdef shared_ptr[CWatch] fresh
    if watch is not None:
        fresh = watch._watch
    (<WatchedServer*>server._server.get()).ExchangeWatch(served._served, fresh)


def take_watched(Server server not None):
    cdef vector[Watched] taken = (<WatchedServer*>server._server.get()).TakeWatched()
    cdef list watches = []
    for index in range(taken.size()):
        watches.append((taken[index].served, Watch.adopt(taken[index].watch)))
    return watches

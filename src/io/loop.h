// What lives on one worker's thread and is shared by everything there: the ring, the blocks, the
// timers, and the streams that have something to send at the end of this turn.
#pragma once

#include "base/list.h"
#include "buffer/block.h"
#include "io/ring.h"
#include "io/timers.h"

namespace millrace::io {

class Stream;
struct UnsentTag;

struct Loop {
  Loop(Ring& the_ring, Millis now) : ring(the_ring), timers(now) {}

  Ring& ring;
  buffer::BlockPool blocks;
  Timers timers;
  base::List<Stream, UnsentTag> unsent;

  // One round: gathers and starts the sends, waits for the kernel, delivers completions. At most
  // `wait_max` long. The caller then advances the timers.
  void turn(Millis wait_max);
};

}  // namespace millrace::io

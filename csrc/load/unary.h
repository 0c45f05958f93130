// One call of any method, for what must be known before load begins.
//
// Thread safety: a pure function with a connection of its own.

#ifndef LEEBOARD_LOAD_UNARY_H_
#define LEEBOARD_LOAD_UNARY_H_

#include <string>

#include "base/status.h"
#include "load/exchange.h"
#include "load/generator.h"

namespace leeboard::load {

// Makes one call of options.method with `message` and waits for its end. An error when
// there is no connection within connect_timeout; everything else, a passed timeout
// included, is in `outcome`. `reply` is the answer's message.
Status CallOnce(const LoadOptions& options, const std::string& message,
                Outcome* outcome, std::string* reply);

}  // namespace leeboard::load

#endif  // LEEBOARD_LOAD_UNARY_H_

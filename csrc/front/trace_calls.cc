// What is recorded of requests, and when: at their end, whatever it is.

#include "front/io_thread.h"
#include "front/trace_context.h"

namespace leeboard::front {

void IoThread::BeginTrace(http2::Call* call, Trace* trace) {
  tracer_.Begin(call->headers().traceparent, now_, trace);
  if (trace->sampled) {
    call->SetTraceparent(WriteTraceparent(
        {trace->trace_high, trace->trace_low, trace->span, /*sampled=*/true}));
  }
}

void IoThread::EndTrace(const batch::Request& request, const batch::Answer* answer,
                        Code code) {
  const http2::Call* call = request.call;
  const Trace& trace = request.message != nullptr
                           ? static_cast<StreamMessage*>(request.message)->trace
                           : static_cast<CallState*>(call->context)->trace;
  if (!tracer_.Wants(trace, now_)) {
    return;
  }
  TraceEnd end;
  end.code = code;
  end.model = request.queue->options().model;
  end.version = request.queue->options().version;
  end.request_id = request.id;
  end.traceparent = call->headers().traceparent;
  end.tracestate = call->headers().tracestate;
  end.rows = request.rows;
  if (const batch::Batch* batch = request.batch; batch != nullptr) {
    const bool gave_up = code == Code::kCancelled || code == Code::kDeadlineExceeded;
    end.was_claimed = batch->was_claimed ||
                      batch->state == batch::Batch::State::kClaimed ||
                      (gave_up && request.queue->WasClaimed(request));
    end.claimed = batch->claimed_at;
    end.run_began = batch->run_began_at;
    end.run_ended = batch->run_ended_at;
    end.batch_rows = batch->rows;
  }
  if (answer != nullptr) {
    end.claimed = answer->completion->claimed_at;
    end.run_began = answer->completion->run_began_at;
    end.run_ended = answer->completion->run_ended_at;
    end.batch_rows = answer->batch_rows;
  }
  tracer_.End(trace, end, MonotonicNow());
}

void IoThread::EndRefused(http2::Call* call, const Trace& trace,
                          const Inference& inference, Code code) {
  if (!tracer_.Wants(trace, now_)) {
    return;
  }
  TraceEnd end;
  end.code = code;
  end.traceparent = call->headers().traceparent;
  end.tracestate = call->headers().tracestate;
  // What a message that broke off was looking at may have been retired since.
  const batch::VersionQueue* queue =
      code == Code::kCancelled ? nullptr : inference.refused_by();
  if (queue != nullptr) {
    end.model = queue->options().model;
    end.version = queue->options().version;
  } else if (code == Code::kNotFound) {
    end.model = scratch_.request.model_name;  // It was just looked for.
  }
  tracer_.End(trace, end, MonotonicNow());
}

}  // namespace leeboard::front

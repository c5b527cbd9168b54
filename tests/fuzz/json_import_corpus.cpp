// Small Chrome traces of every kind that Caracal reads.
#include "tests/fuzz/corpus.h"

namespace caracal::fuzz {

std::vector<std::string> corpus() {
  return {
      R"json({"schemaVersion":1,"deviceProperties":[{"id":0,"name":"GPU"}],"traceEvents":[
{"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":2,"ts":10.001,"dur":5.5,"args":{"External id":7,"Input Dims":[[1,2],[]]}},
{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":1,"tid":2,"ts":11,"dur":2,"args":{"correlation":42}},
{"ph":"X","cat":"kernel","name":"ncclDevKernel_AllReduce","pid":0,"tid":9,"ts":14.001,"dur":2,"args":{"device":0,"stream":9,
 "correlation":42,"Collective name":"allreduce","In msg nelems":8,"dtype":"Float","Process Group Name":"0","Process Group Ranks":"[0, 1]"}},
{"ph":"i","cat":"cpu_instant_event","name":"[memory]","pid":1,"tid":2,"ts":3,"args":{"Device Type":1,"Device Id":0,"Total Allocated":5}},
{"ph":"s","cat":"fwdbwd","id":1,"pid":1,"tid":2,"ts":10.001},{"ph":"f","cat":"fwdbwd","id":1,"pid":1,"tid":2,"ts":11,"bp":"e"},
{"ph":"M","name":"thread_name","pid":0,"tid":9,"args":{"name":"stream 9 \u00e9\\\""}}
],"baseTimeNanoseconds":1711964646000000000,"distributedInfo":{"rank":1,"pg_config":[{"pg_name":"0","pg_size":2,"ranks":[0,1]}]}})json",
      R"json([{"ph":"B","name":"a","pid":1,"tid":1,"ts":1},{"ph":"C","name":"c","pid":1,"ts":2,"args":{"v":1.5}},null,
{"ph":"E","name":"a","pid":1,"tid":1,"ts":3},{"ph":"X","name":"x","ts":"7","dur":-1,"args":null},)json",
      R"json([{"name":"forward","ph":"B","ts":10,"pid":0,"tid":0,"args":{"iteration":3}},
{"name":"forward","ph":"E","ts":30,"pid":0,"tid":0,"args":{"iteration":3,"microbatch":5,"model_chunk":1,"pp_rank":0}},
{"name":"iteration end","ph":"i","ts":30,"pid":0,"tid":0,"args":{"iteration":3}}])json",
      R"json([{"name":"forward-compute","cat":"f","pid":0,"tid":10,"ts":5,"dur":2,"ph":"X","args":{"step":7,"mb_id":1}},
{"name":"forward-send","cat":"f","pid":0,"tid":11,"ts":5,"dur":2,"ph":"X","args":{"step":7,"mb_id":-1}},
{"name":"thread_name","pid":0,"tid":11,"ph":"M","args":{"name":"PP rank 1, TP rank 0, pp-comm"}}])json"};
}

}  // namespace caracal::fuzz

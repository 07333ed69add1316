--- Runs h2load, reads what it wrote, and sums up rounds: for pings.lua and invitations.lua.
local h2load = {}

function h2load.read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

--- Starts it with these arguments.
---@return file* report for h2load.wait
function h2load.start(arguments)
  return assert(io.popen("taskset -c 1 h2load --h1 --threads 1 " .. arguments .. " 2>&1"))
end

--- Waits for its end, and raises unless all of `count` requests had an answer of that kind.
---@param kind? string 2xx where left out
---@return string report
function h2load.wait(pipe, count, kind)
  local report = pipe:read("*a")
  pipe:close()
  local good = report:match(" (%d+) " .. (kind or "2xx"))
  if tonumber(good) ~= count then
    error(("%s of %d answers were %s:\n%s"):format(good, count, kind or "2xx", report), 0)
  end
  return report
end

--- What --log-file wrote, in the order in which the answers came.
---@return table[] requests { start: seconds since 1970, time: milliseconds }
function h2load.read_log(path)
  local requests = {}
  for start, time in h2load.read(path):gmatch("(%d+)\t%S+\t(%d+)\n") do
    requests[#requests + 1] = { start = start / 1e6, time = time / 1e3 }
  end
  os.remove(path)
  return requests
end

--- A field of each entry.
function h2load.pluck(list, field)
  local values = {}
  for place, entry in ipairs(list) do
    values[place] = entry[field]
  end
  return values
end

--- What this part of a list, from 0 to 1, does not exceed.
function h2load.quantile(list, part)
  local sorted = {}
  for place, value in ipairs(list) do
    sorted[place] = value
  end
  table.sort(sorted)
  return sorted[math.max(1, math.ceil(#sorted * part))]
end

--- "median (lowest–highest)" of what the rounds gave.
function h2load.spread(list, format)
  return (format .. " (" .. format .. "–" .. format .. ")")
    :format(h2load.quantile(list, 0.5), h2load.quantile(list, 0), h2load.quantile(list, 1))
end

--- The same of each round's ratio.
function h2load.ratio(ours, theirs)
  local values = {}
  for place, value in ipairs(ours) do
    values[place] = value / theirs[place]
  end
  return h2load.spread(values, "%.2f")
end

--- A row of a markdown table.
function h2load.print_row(cells)
  print("| " .. table.concat(cells, " | ") .. " |")
end

return h2load

"""Scripts that the Redis server runs, each as one atomic step."""

from typing import Final

# Bounds one queue and wakes its reader.
# KEYS: queue, wake-up list. ARGV: oldest received ms, most batches, lifetime ms.
# Returns how many batches were dropped because the queue was full, and how many because they had expired.
BOUND: Final = """
local surplus = math.max(redis.call('LLEN', KEYS[1]) - tonumber(ARGV[2]), 0)
if surplus > 0 then redis.call('LTRIM', KEYS[1], surplus, -1) end
local oldest = tonumber(ARGV[1])
local head = redis.call('LINDEX', KEYS[1], 0)
local expired = 0
while head and (#head < 8 or struct.unpack('>I8', head) < oldest) do
  redis.call('LTRIM', KEYS[1], 1, -1)
  expired = expired + 1
  head = redis.call('LINDEX', KEYS[1], 0)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('RPUSH', KEYS[2], '1') end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {surplus, expired}
"""

# Puts unacknowledged batches back to the head of their queue, in order.
_RECLAIM: Final = """
local function reclaim(queue, unacknowledged, lifetime)
  local numbers = redis.call('HKEYS', unacknowledged)
  table.sort(numbers, function(a, b) return tonumber(a) > tonumber(b) end)
  for _, number in ipairs(numbers) do
    redis.call('LPUSH', queue, redis.call('HGET', unacknowledged, number))
  end
  redis.call('DEL', unacknowledged)
  redis.call('PEXPIRE', queue, lifetime)
end
"""

# KEYS: lease; then list and unacknowledged batches of each queue. ARGV: owner, lease ms, lifetime ms.
# Returns 1 to the owner.
ACQUIRE: Final = (
    _RECLAIM
    + """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
for i = 2, #KEYS, 2 do reclaim(KEYS[i], KEYS[i + 1], ARGV[3]) end
return 1
"""
)

# KEYS as above. ARGV: owner, lifetime ms.
RELEASE: Final = (
    _RECLAIM
    + """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 2, #KEYS, 2 do reclaim(KEYS[i], KEYS[i + 1], ARGV[2]) end
return redis.call('DEL', KEYS[1])
"""
)

# KEYS: lease. ARGV: owner, lease ms.
RENEW: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

# Moves batches from the list of a queue to its unacknowledged ones. KEYS as for ACQUIRE.
# ARGV: owner, most unacknowledged, most in one call, lifetime ms, first delivery number.
# Returns {number, batch, ...} per queue to the owner, and nil to any other caller.
TAKE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local number = tonumber(ARGV[5])
local answer = {}
for i = 2, #KEYS, 2 do
  local queue, unacknowledged, taken = KEYS[i], KEYS[i + 1], {}
  local room = math.min(tonumber(ARGV[2]) - redis.call('HLEN', unacknowledged), tonumber(ARGV[3]))
  local batch = room > 0 and redis.call('LPOP', queue)
  while batch do
    redis.call('HSET', unacknowledged, number, batch)
    taken[#taken + 1] = number
    taken[#taken + 1] = batch
    number = number + 1
    room = room - 1
    batch = room > 0 and redis.call('LPOP', queue)
  end
  if #taken > 0 then redis.call('PEXPIRE', unacknowledged, ARGV[4]) end
  answer[#answer + 1] = taken
end
return answer
"""

# KEYS: lease, keys of unacknowledged batches. ARGV: owner; then for each of these keys a count and that many
# delivery numbers.
ACKNOWLEDGE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local at = 2
for i = 2, #KEYS do
  local count = tonumber(ARGV[at])
  for j = at + 1, at + count do redis.call('HDEL', KEYS[i], ARGV[j]) end
  at = at + count + 1
end
return 1
"""

/** The order in which one call does what it was asked: what ended first, then what is decided anew. */
export const answering = `
local answer = { n = now }
local epochKey = nextKey()
answer.e = call('GET', epochKey)
if not answer.e then
  answer.e = request.e
  call('SET', epochKey, request.e, 'PX', 7 * 86400000)
end
if request.h then
  answer.h = beat(request.h)
  call('PEXPIRE', epochKey, 7 * 86400000)
end
if request.s then settleAll(request.s) end
if request.c then changeAll(request.c) end
if request.r then answer.g, answer.b = reserve(request.r) end
if request.q then answer.q = read(request.q) end
writeAll()
if #touched > 0 then answer.t = touched end
if freed then tell({ 'f' }) end
return cjson.encode(answer)
`;

// G3.2 fails without this file: a write stage is sent.
/**
 * Every `$`-prefixed key allowed in a command, at any depth. One list for all positions, so that no sub-pipeline or
 * unusual position can hide a stage. Based on MongoDB's manual for 6.0 to 8.0.
 * Deliberately missing: `$out` and `$merge` (they write), `$function`, `$accumulator` and `$where` (they run JavaScript
 * in the server), and stages about the server itself (`$currentOp`, `$collStats`, `$indexStats`, `$planCacheStats`,
 * `$listSessions`, `$listLocalSessions`, `$shardedDataDistribution`, `$queryStats`), which a reader's role does not
 * cover.
 */
const words = (text: string): readonly string[] => text.trim().split(/\s+/)

/** Pipeline stages that only read. */
export const readStageNames = [
  '$addFields',
  '$bucket',
  '$bucketAuto',
  '$changeStream',
  '$changeStreamSplitLargeEvent',
  '$count',
  '$densify',
  '$documents',
  '$facet',
  '$fill',
  '$geoNear',
  '$graphLookup',
  '$group',
  '$limit',
  '$lookup',
  '$match',
  '$project',
  '$redact',
  '$replaceRoot',
  '$replaceWith',
  '$sample',
  '$search',
  '$searchMeta',
  '$set',
  '$setWindowFields',
  '$skip',
  '$sort',
  '$sortByCount',
  '$unionWith',
  '$unset',
  '$unwind',
  '$vectorSearch',
] as const

export const readStages: ReadonlySet<string> = new Set(readStageNames)

/** Operators of a `find` filter or `$match`, and what is valid in a projection, sort or hint. */
const queryOperators = words(`
  $all $and $bitsAllClear $bitsAllSet $bitsAnyClear $bitsAnySet $box $caseSensitive $center $centerSphere $comment
  $diacriticSensitive $elemMatch $eq $exists $expr $geometry $geoIntersects $geoWithin $gt $gte $in $jsonSchema $id
  $language $lt $lte $maxDistance $meta $minDistance $mod $natural $ne $near $nearSphere $nin $nor $not $options $or
  $polygon $rand $ref $regex $search $size $slice $text $type
`)

/** Expressions, accumulators and window functions. */
const expressionOperators = words(`
  $abs $acos $acosh $add $addToSet $allElementsTrue $and $anyElementTrue $arrayElemAt $arrayToObject $asin $asinh
  $atan $atan2 $atanh $avg $binarySize $bitAnd $bitNot $bitOr $bitXor $bottom $bottomN $bsonSize $ceil $cmp $concat
  $concatArrays $cond $convert $cos $cosh $count $covariancePop $covarianceSamp $dateAdd $dateDiff $dateFromParts
  $dateFromString $dateSubtract $dateToParts $dateToString $dateTrunc $dayOfMonth $dayOfWeek $dayOfYear
  $degreesToRadians $denseRank $derivative $divide $documentNumber $eq $exp $expMovingAvg $filter $first $firstN
  $floor $getField $gt $gte $hour $ifNull $in $indexOfArray $indexOfBytes $indexOfCP $integral $isArray $isNumber
  $isoDayOfWeek $isoWeek $isoWeekYear $last $lastN $let $linearFill $literal $ln $locf $log $log10 $lt $lte $ltrim
  $map $max $maxN $median $mergeObjects $meta $millisecond $min $minN $minute $mod $month $multiply $ne $not
  $objectToArray $or $percentile $pow $push $radiansToDegrees $rand $range $rank $reduce $regexFind $regexFindAll
  $regexMatch $replaceAll $replaceOne $reverseArray $round $rtrim $sampleRate $second $setDifference $setEquals
  $setField $setIntersection $setIsSubset $setUnion $shift $sigmoid $sin $sinh $size $slice $sortArray $split $sqrt
  $stdDevPop $stdDevSamp $strcasecmp $strLenBytes $strLenCP $substr $substrBytes $substrCP $subtract $sum $switch
  $tan $tanh $toBool $toDate $toDecimal $toDouble $toHashedIndexKey $toInt $toLong $toLower $toObjectId $top $topN
  $toString $toUpper $toUUID $trim $trunc $tsIncrement $tsSecond $type $unsetField $week $year $zip
`)

/** Fields that the driver adds to a command. */
const headFields = words('$clusterTime $db $readPreference')

/** Every `$`-prefixed key that may be sent. */
export const allowedNames: ReadonlySet<string> = new Set([
  ...readStages,
  ...queryOperators,
  ...expressionOperators,
  ...headFields,
])
